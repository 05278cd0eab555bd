//! Whom a signature is believed.

use std::fs;
use std::time::Duration;

use storekeeper::package::TrustStore;

use super::openssl::{Authorities, now};

const CONTENT: &str = "content";
const DAY: Duration = Duration::from_hours(24);

/// Why the signature of one is not believed when these are trusted; none if it is.
fn doubt(authorities: &Authorities, name: &str, trusted: &[&str]) -> Option<String> {
    // What comes with the signature must not help.
    let signature = authorities.signed(name, CONTENT, &["-certfile", "sub.pem"]);
    let trusted = authorities.trust(trusted);
    trusted.verify(&signature, CONTENT.as_bytes(), now()).err()
}

#[test]
fn the_whole_chain_up_to_the_root_must_be_trusted() {
    let authorities = Authorities::new();
    authorities.root("other");
    let check = |trusted: &[&str], reason: &str| match doubt(&authorities, "dev", trusted) {
        None => assert_eq!(reason, "", "{trusted:?}"),
        Some(error) => assert!(
            !reason.is_empty() && error.contains(reason),
            "{trusted:?}: {error}"
        ),
    };
    check(&["root", "sub"], "");
    check(&["sub", "other", "root"], "");
    check(&["root"], "`dev` has an issuer that is not trusted");
    check(&["sub"], "`sub` has an issuer that is not trusted");
    check(&["sub", "other"], "`sub` has an issuer that is not trusted");
    check(&["dev"], "`dev` has an issuer that is not trusted");
    check(&["dev", "sub"], "`sub` has an issuer that is not trusted");
    check(&["other"], "`dev` has an issuer that is not trusted");
}

#[test]
fn only_authorities_vouch_for_others() {
    let authorities = Authorities::new();
    let leaf = "basicConstraints=CA:FALSE";
    authorities.issue("below", "dev", "EC", leaf);
    let error = doubt(&authorities, "below", &["root", "sub", "dev"]).unwrap();
    assert!(error.contains("`dev` may not vouch for others"), "{error}");

    authorities.issue(
        "usage",
        "root",
        "EC",
        "basicConstraints=CA:TRUE\nkeyUsage=digitalSignature",
    );
    authorities.issue("usual", "usage", "EC", leaf);
    let error = doubt(&authorities, "usual", &["root", "usage"]).unwrap();
    assert!(
        error.contains("`usage` may not vouch for others"),
        "{error}"
    );

    authorities.issue("short", "root", "EC", "basicConstraints=CA:TRUE,pathlen:0");
    authorities.issue("middle", "short", "EC", "basicConstraints=CA:TRUE");
    authorities.issue("end", "middle", "EC", leaf);
    let error = doubt(&authorities, "end", &["root", "short", "middle"]).unwrap();
    assert!(
        error.contains("`short` may not vouch for so many"),
        "{error}"
    );
    authorities.issue("near", "short", "EC", leaf);
    assert_eq!(doubt(&authorities, "near", &["root", "short"]), None);

    authorities.issue("odd", "sub", "EC", "1.2.3.4=critical,ASN1:NULL");
    let error = doubt(&authorities, "odd", &["root", "sub"]).unwrap();
    assert!(error.contains("critical extension"), "{error}");
    // What a certificate is for does not matter.
    authorities.issue(
        "server",
        "sub",
        "EC",
        "extendedKeyUsage=critical,serverAuth",
    );
    assert_eq!(doubt(&authorities, "server", &["root", "sub"]), None);
    // One that is its own issuer is trusted when it is given, and not else.
    assert_eq!(doubt(&authorities, "root", &["root"]), None);
    let error = doubt(&authorities, "root", &["sub"]).unwrap();
    assert!(error.contains("is its own issuer"), "{error}");
}

#[test]
fn an_authority_of_the_same_name_with_another_key_is_another() {
    let authorities = Authorities::new();
    let signature = authorities.signed("dev", CONTENT, &[]);
    let old = fs::read(authorities.path().join("root.pem")).unwrap();
    fs::write(authorities.path().join("old.pem"), old).unwrap();
    authorities.root("root");
    let verify = |trusted: &[&str]| {
        authorities
            .trust(trusted)
            .verify(&signature, CONTENT.as_bytes(), now())
    };
    assert!(verify(&["root", "sub"]).is_err());
    // Both are tried.
    assert_eq!(verify(&["root", "old", "sub"]), Ok(()));
}

#[test]
fn every_certificate_of_the_chain_must_be_valid_now() {
    let authorities = Authorities::new();
    let signature = authorities.signed("dev", CONTENT, &[]);
    let trusted = authorities.trust(&["root", "sub"]);
    let at = |moment| trusted.verify(&signature, CONTENT.as_bytes(), moment);
    assert_eq!(at(now()), Ok(()));
    assert!(at(now() - DAY).unwrap_err().contains("is not valid yet"));
    assert!(
        at(now() + 400 * DAY)
            .unwrap_err()
            .contains("`dev` has expired")
    );
    assert_eq!(at(now() + 300 * DAY), Ok(()));
    authorities.issue_expired("late");
    let error = doubt(&authorities, "late", &["root", "sub"]).unwrap();
    assert!(error.contains("`late` has expired"), "{error}");
}

#[test]
fn files_of_certificates_may_have_anything_around_them() {
    let authorities = Authorities::new();
    let read = |name: &str| fs::read_to_string(authorities.path().join(name)).unwrap();
    let all = format!(
        "a comment\n\n{}between\n{}\n\n \nbehind",
        read("root.pem"),
        read("sub.pem")
    );
    fs::write(
        authorities.path().join("all.pem"),
        all.replace('\n', "\r\n"),
    )
    .unwrap();
    assert_eq!(doubt(&authorities, "dev", &["all"]), None);
    let refused = |text: &[u8], reason: &str| {
        let path = authorities.path().join("wrong.pem");
        fs::write(&path, text).unwrap();
        let error = TrustStore::from_pem_files(&[path]).unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains("wrong.pem"),
            "{error}"
        );
    };
    refused(b"", "there is no certificate in it");
    refused(read("dev.key").as_bytes(), "there is no certificate in it");
    authorities.p12("dev", &[]);
    refused(
        &fs::read(authorities.path().join("dev.p12")).unwrap(),
        "there is no certificate in it",
    );
    let pem = read("root.pem");
    refused(
        &pem.as_bytes()[..pem.len() / 2],
        "certificate 1 in it is cut off",
    );
    refused(
        pem.replacen("MII", "MI!", 1).as_bytes(),
        "certificate 1 in it is damaged",
    );
    let second = pem.replacen("MII", "AAA", 1);
    refused(
        format!("{pem}{second}").as_bytes(),
        "certificate 2 in it is none",
    );
    let missing = authorities.path().join("missing.pem");
    let error = TrustStore::from_pem_files(&[missing])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("missing.pem") && error.contains("cannot be read"),
        "{error}"
    );
}
