//! Certificates, keys and signatures by the `openssl` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use storekeeper::package::TrustStore;

/// The password of every key.
pub(crate) const PASSWORD: &str = "password";

/// A folder with an authority `root`, the authority `sub` below it, and `dev` below that, whose key is of
/// another kind if asked for.
pub(crate) struct Authorities {
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn openssl(dir: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("openssl is installed (apt-get install openssl)");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Authorities {
    pub(crate) fn new() -> Self {
        let authorities = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        authorities.root("root");
        authorities.issue(
            "sub",
            "root",
            "EC",
            "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign",
        );
        authorities.issue(
            "dev",
            "sub",
            "EC",
            "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature",
        );
        authorities
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) {
        openssl(self.path(), arguments);
    }

    fn key(&self, name: &str, kind: &str) {
        let key = format!("{name}.key");
        let mut arguments = vec!["genpkey", "-out", &key, "-algorithm"];
        match kind {
            "RSA" => arguments.extend(["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
            "P-384" => arguments.extend(["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
            _ => arguments.extend(["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        }
        self.run(&arguments);
    }

    /// An authority that is its own issuer.
    pub(crate) fn root(&self, name: &str) {
        self.key(name, "EC");
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let subject = format!("/O=Example/CN={name}");
        self.run(&[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-out",
            &pem,
            "-days",
            "3650",
            "-subj",
            &subject,
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]);
    }

    /// A certificate by an issuer, with these extensions.
    pub(crate) fn issue(&self, name: &str, issuer: &str, kind: &str, extensions: &str) {
        self.key(name, kind);
        fs::write(self.path().join("extensions"), extensions).unwrap();
        let (key, pem, request) = (
            format!("{name}.key"),
            format!("{name}.pem"),
            format!("{name}.csr"),
        );
        let (issuer_key, issuer_pem) = (format!("{issuer}.key"), format!("{issuer}.pem"));
        let subject = format!("/O=Example/CN={name}");
        self.run(&[
            "req", "-new", "-key", &key, "-out", &request, "-subj", &subject,
        ]);
        self.run(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &issuer_pem,
            "-CAkey",
            &issuer_key,
            "-CAcreateserial",
            "-days",
            "365",
            "-extfile",
            "extensions",
            "-out",
            &pem,
        ]);
    }

    /// A certificate of `sub` that ended in the past.
    pub(crate) fn issue_expired(&self, name: &str) {
        self.key(name, "EC");
        let (key, request, pem) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        let subject = format!("/O=Example/CN={name}");
        self.run(&[
            "req", "-new", "-key", &key, "-out", &request, "-subj", &subject,
        ]);
        fs::write(self.path().join("index.txt"), "").unwrap();
        let config = "[ca]\ndefault_ca=all\n[all]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n\
                      default_md=sha256\npolicy=any\n[any]\nO=optional\nCN=supplied\n";
        fs::write(self.path().join("ca.cnf"), config).unwrap();
        self.run(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            "ca.cnf",
            "-in",
            &request,
            "-out",
            &pem,
            "-cert",
            "sub.pem",
            "-keyfile",
            "sub.key",
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20210101000000Z",
        ]);
    }

    /// A PKCS#12 file of a key and its certificate, with what else is to be in it.
    pub(crate) fn p12(&self, name: &str, further: &[&str]) -> PathBuf {
        let (key, pem, p12) = (
            format!("{name}.key"),
            format!("{name}.pem"),
            format!("{name}.p12"),
        );
        let password = format!("pass:{PASSWORD}");
        let mut arguments = vec![
            "pkcs12", "-export", "-inkey", &key, "-in", &pem, "-out", &p12,
        ];
        if !further.contains(&"-passout") {
            arguments.extend(["-passout", &password]);
        }
        arguments.extend(further);
        self.run(&arguments);
        self.path().join(p12)
    }

    /// Those who are trusted.
    pub(crate) fn trust(&self, names: &[&str]) -> TrustStore {
        let paths: Vec<_> = names
            .iter()
            .map(|name| self.path().join(format!("{name}.pem")))
            .collect();
        TrustStore::from_pem_files(&paths).unwrap()
    }

    /// What `openssl cms -sign` makes of some content.
    pub(crate) fn signed(&self, name: &str, content: &str, further: &[&str]) -> Vec<u8> {
        fs::write(self.path().join("content"), content).unwrap();
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let mut arguments = vec![
            "cms",
            "-sign",
            "-binary",
            "-in",
            "content",
            "-signer",
            &pem,
            "-inkey",
            &key,
            "-outform",
            "DER",
            "-out",
            "signature",
        ];
        arguments.extend(further);
        self.run(&arguments);
        fs::read(self.path().join("signature")).unwrap()
    }

    /// Has `openssl cms -verify` look at a signature of ours.
    pub(crate) fn verify(&self, signature: &[u8], content: &str) {
        fs::write(self.path().join("content"), content).unwrap();
        fs::write(self.path().join("signature"), signature).unwrap();
        let all = ["root.pem", "sub.pem"]
            .map(|name| fs::read(self.path().join(name)).unwrap())
            .concat();
        fs::write(self.path().join("trusted"), all).unwrap();
        self.run(&[
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            "signature",
            "-content",
            "content",
            "-CAfile",
            "trusted",
            "-purpose",
            "any",
            "-out",
            "verified",
        ]);
        assert_eq!(
            fs::read_to_string(self.path().join("verified")).unwrap(),
            content
        );
    }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
