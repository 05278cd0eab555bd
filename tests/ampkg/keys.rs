//! Keys in PKCS#12 files, and what is signed with them.

use std::fs;

use storekeeper::package::Signer;

use super::openssl::{Authorities, PASSWORD, now};

const CONTENT: &str = "hhmAv0SlAMHdo2d7xCjXfYwZxoXC8uqPTkbXu6x9QrM=";

#[test]
fn openssl_accepts_what_is_signed_with_keys_of_every_kind() {
    let authorities = Authorities::new();
    for (name, kind) in [("rsa", "RSA"), ("small", "P-256"), ("large", "P-384")] {
        authorities.issue(name, "sub", kind, "basicConstraints=CA:FALSE");
        let key = authorities.p12(name, &[]);
        let signature = Signer::load(&key, PASSWORD)
            .unwrap()
            .sign(CONTENT.as_bytes())
            .unwrap();
        authorities.verify(&signature, CONTENT);
        let trusted = authorities.trust(&["root", "sub"]);
        trusted
            .verify(&signature, CONTENT.as_bytes(), now())
            .unwrap();
        assert!(trusted.verify(&signature, b"other", now()).is_err());
    }
}

#[test]
fn what_openssl_signs_is_accepted_in_every_form() {
    let authorities = Authorities::new();
    authorities.issue(
        "rsa",
        "sub",
        "RSA",
        "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash",
    );
    let trusted = authorities.trust(&["root", "sub"]);
    for name in ["rsa", "dev"] {
        let mut forms: Vec<Vec<&str>> = vec![
            vec![],
            vec!["-noattr"],
            vec!["-md", "sha384"],
            vec!["-certfile", "sub.pem"],
            vec!["-stream"],
        ];
        if name == "rsa" {
            // As old versions of Windows and macOS made them.
            forms.push(vec!["-md", "sha1", "-noattr"]);
            forms.push(vec!["-md", "sha512", "-keyid"]);
        }
        for form in forms {
            let signature = authorities.signed(name, CONTENT, &form);
            let verified = trusted.verify(&signature, CONTENT.as_bytes(), now());
            assert_eq!(verified, Ok(()), "{name} {form:?}");
            let error = trusted
                .verify(&signature, b"other content", now())
                .unwrap_err();
            assert!(error.contains("other content"), "{error}");
            // One bit in the signature itself, which stands last.
            let mut changed = signature.clone();
            let last = if form == ["-stream"] {
                changed.len() - 20
            } else {
                changed.len() - 1
            };
            changed[last] ^= 1;
            assert!(trusted.verify(&changed, CONTENT.as_bytes(), now()).is_err());
            for length in 0..signature.len() {
                assert!(
                    trusted
                        .verify(&signature[..length], CONTENT.as_bytes(), now())
                        .is_err()
                );
            }
        }
    }
    let without = authorities.signed("dev", CONTENT, &["-nocerts"]);
    let error = trusted
        .verify(&without, CONTENT.as_bytes(), now())
        .unwrap_err();
    assert!(error.contains("certificate is not in it"), "{error}");
}

#[test]
fn keys_are_read_however_they_are_encrypted() {
    let authorities = Authorities::new();
    authorities.issue("rsa", "sub", "RSA", "basicConstraints=CA:FALSE");
    for further in [
        &[][..],
        &["-legacy"],
        &["-certfile", "sub.pem"],
        &[
            "-keypbe",
            "AES-128-CBC",
            "-certpbe",
            "AES-192-CBC",
            "-macalg",
            "sha512",
        ],
        &[
            "-keypbe",
            "PBE-SHA1-3DES",
            "-certpbe",
            "NONE",
            "-macalg",
            "sha1",
        ],
        &[
            "-keypbe",
            "PBE-SHA1-2DES",
            "-certpbe",
            "PBE-SHA1-3DES",
            "-nomac",
        ],
        &[
            "-legacy",
            "-keypbe",
            "PBE-SHA1-RC2-128",
            "-certpbe",
            "PBE-SHA1-RC2-40",
            "-iter",
            "1",
        ],
        &["-keypbe", "DES-EDE3-CBC", "-certpbe", "DES-EDE3-CBC"],
    ] {
        let file = authorities.p12("rsa", further);
        let signer = Signer::load(&file, PASSWORD);
        let signer = signer.unwrap_or_else(|error| panic!("{further:?}: {error}"));
        let signature = signer.sign(CONTENT.as_bytes()).unwrap();
        authorities.verify(&signature, CONTENT);
    }
    let file = authorities.p12("rsa", &["-passout", "pass:"]);
    assert!(Signer::load(&file, "").is_ok());
    let file = authorities.p12("rsa", &["-passout", "pass:pässwörd✓"]);
    assert!(Signer::load(&file, "pässwörd✓").is_ok());
}

#[test]
fn a_file_that_gives_no_key_says_why() {
    let authorities = Authorities::new();
    let refused = |name: &str, password: &str, reason: &str| {
        let path = authorities.path().join(name);
        let error = Signer::load(&path, password).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains(name), "{error}");
    };
    authorities.p12("dev", &[]);
    refused("dev.p12", "wrong", "the password is wrong");
    refused("dev.p12", "", "the password is wrong");
    refused("dev.pem", PASSWORD, "no PKCS#12 file");
    refused("missing.p12", PASSWORD, "cannot be read");
    authorities.run(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        "dev.pem",
        "-out",
        "none.p12",
        "-passout",
        "pass:password",
    ]);
    refused("none.p12", PASSWORD, "no private key");
    authorities.run(&[
        "pkcs12",
        "-export",
        "-nocerts",
        "-inkey",
        "dev.key",
        "-out",
        "bare.p12",
        "-passout",
        "pass:password",
    ]);
    refused(
        "bare.p12",
        PASSWORD,
        "no certificate in it for its private key",
    );
    let whole = fs::read(authorities.path().join("dev.p12")).unwrap();
    for length in (0..whole.len()).step_by(7) {
        fs::write(authorities.path().join("cut.p12"), &whole[..length]).unwrap();
        assert!(Signer::load(&authorities.path().join("cut.p12"), PASSWORD).is_err());
    }
}
