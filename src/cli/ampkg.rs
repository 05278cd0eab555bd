//! `storekeeper ampkg …`: makes, signs and verifies packages of Qt's application manager, without a running
//! service. Its commands, arguments and exit codes are those of `appman-packager`: 0 fine, 1 a failure
//! or no signature, 2 an invalid signature.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::printer::Printer;
use super::{Failed, Outcome};
use crate::package::create::Extra;
use crate::package::yaml::{self, Value};
use crate::package::{self, PackageError, SignatureError, Signer, TrustStore, Who};

/// The exit code for a signature that does not hold.
const INVALID: u8 = 2;

/// Makes, signs and verifies .ampkg packages (those of Qt's application manager)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Makes a package of a folder with an info.yaml; the same files give the same package
    #[command(visible_alias = "create-package")]
    Create(Create),
    /// Signs a package in the name of its developer
    #[command(visible_alias = "dev-sign-package")]
    DevSign(DevSign),
    /// Verifies the developer's signature
    #[command(visible_alias = "dev-verify-package")]
    DevVerify(DevVerify),
    /// Signs a package in the name of a store, for one device
    #[command(visible_alias = "store-sign-package")]
    StoreSign(StoreSign),
    /// Verifies the store's signature, as that device would
    #[command(visible_alias = "store-verify-package")]
    StoreVerify(StoreVerify),
    /// Shows YAML 1.1 as JSON: an array of its documents
    YamlToJson(YamlToJson),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The package to make
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// The folder that it is made of
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Further data for the package's header: a map as YAML
    #[arg(short = 'm', long = "extra-metadata", value_name = "YAML")]
    extra: Vec<String>,
    /// The same, from files
    #[arg(short = 'M', long = "extra-metadata-file", value_name = "FILE")]
    extra_files: Vec<PathBuf>,
    /// Further data that is signed with the package: a map as YAML
    #[arg(short = 's', long = "extra-signed-metadata", value_name = "YAML")]
    signed: Vec<String>,
    /// The same, from files
    #[arg(short = 'S', long = "extra-signed-metadata-file", value_name = "FILE")]
    signed_files: Vec<PathBuf>,
    /// Name every file
    #[arg(long)]
    verbose: bool,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// What both kinds of signing need.
#[derive(Debug, clap::Args)]
struct Signing {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// The signed copy to make
    #[arg(value_name = "SIGNED")]
    signed: PathBuf,
    /// The key with its certificates (PKCS#12)
    #[arg(value_name = "P12")]
    key: PathBuf,
    /// Its password
    #[arg(value_name = "PASSWORD")]
    password: String,
}

#[derive(Debug, clap::Args)]
struct DevSign {
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
struct StoreSign {
    #[command(flatten)]
    signing: Signing,
    /// The device's hardware id; empty for all devices
    #[arg(value_name = "HARDWARE-ID")]
    hardware_id: String,
}

#[derive(Debug, clap::Args)]
struct DevVerify {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Certificates that are trusted (PEM)
    #[arg(value_name = "CERTIFICATE", required = true)]
    certificates: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct StoreVerify {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Certificates that are trusted (PEM), and last the device's hardware id
    #[arg(
        value_name = "CERTIFICATE… HARDWARE-ID",
        required = true,
        num_args = 2..
    )]
    certificates_and_id: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct YamlToJson {
    /// The file; `-` for the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this document, counted from 0
    #[arg(short = 'i', long, value_name = "NUMBER")]
    document_index: Option<usize>,
}

/// A package that was made, as it is told.
#[derive(Debug, Serialize)]
struct Made {
    package: String,
    id: String,
    digest: String,
    files: Vec<String>,
}

/// Whether these are the arguments of this command: it is the first word that is no option.
pub(super) fn is_asked() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == OsStr::new("--home") {
            arguments.next();
        } else if !argument.as_encoded_bytes().starts_with(b"-") {
            return argument == OsStr::new("ampkg");
        }
    }
    false
}

/// Runs the command.
pub(super) fn run(args: Args, printer: &mut Printer) -> Outcome {
    match args.command {
        Command::Create(args) => create(&args, printer),
        Command::DevSign(args) => sign(&args.signing, Who::Developer, None),
        Command::StoreSign(args) => sign(&args.signing, Who::Store, Some(&args.hardware_id)),
        Command::DevVerify(args) => verify(
            &args.package,
            &args.certificates,
            Who::Developer,
            None,
            printer,
        ),
        Command::StoreVerify(mut args) => {
            let id = args.certificates_and_id.pop().unwrap_or_default();
            let certificates = &args.certificates_and_id;
            verify(&args.package, certificates, Who::Store, Some(&id), printer)
        }
        Command::YamlToJson(args) => yaml_to_json(&args, printer),
    }
}

fn create(args: &Create, printer: &mut Printer) -> Outcome {
    let extra = Extra {
        plain: extra(&args.extra, &args.extra_files)?,
        signed: extra(&args.signed, &args.signed_files)?,
    };
    let made = package::create(&args.folder, &args.package, extra).map_err(Failed::because)?;
    for warning in &made.warnings {
        printer.warning(warning);
    }
    let package = Made {
        package: args.package.display().to_string(),
        id: made.id,
        digest: made.digest.to_string(),
        files: made.entries,
    };
    if args.json {
        return Ok(printer.json(&package)?);
    }
    if args.verbose {
        for file in &package.files {
            printer.line(file)?;
        }
    }
    let count = super::validate::counted(package.files.len(), "entry").replace("entrys", "entries");
    printer.line(format!("{}: `{}`, {count}", package.package, package.id))?;
    printer.line(format!("digest {}", package.digest))?;
    Ok(())
}

/// Maps from the command line and from files as one: later keys win.
fn extra(texts: &[String], files: &[PathBuf]) -> Result<Option<Value>, Failed> {
    let mut all: Option<std::collections::BTreeMap<String, Value>> = None;
    let mut add = |text: &[u8], name: &str| {
        let wrong = |error: String| Failed::Because(format!("{name}: {error}"));
        for document in yaml::read(text).map_err(|error| wrong(error.to_string()))? {
            match document.value().map_err(|error| wrong(error.to_string()))? {
                Value::Map(map) => all.get_or_insert_default().extend(map),
                _ => {
                    return Err(wrong(
                        "a map was expected, such as `{key: value}`".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    };
    for text in texts {
        add(text.as_bytes(), "the extra data")?;
    }
    for file in files {
        add(&read(file)?, &format!("`{}`", file.display()))?;
    }
    Ok(all.map(Value::Map))
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text).map(|_| text)
    } else {
        fs::read(file)
    };
    read.map_err(|error| Failed::Because(format!("`{}` cannot be read: {error}", file.display())))
}

fn sign(args: &Signing, who: Who, hardware_id: Option<&str>) -> Outcome {
    let signer = Signer::load(&args.key, &args.password).map_err(Failed::because)?;
    package::sign(&args.package, &args.signed, &signer, who, hardware_id).map_err(Failed::because)
}

fn verify<P: AsRef<Path>>(
    package: &Path,
    certificates: &[P],
    who: Who,
    hardware_id: Option<&str>,
    printer: &mut Printer,
) -> Outcome {
    let trusted = TrustStore::from_pem_files(certificates).map_err(Failed::because)?;
    match package::verify(package, who, &trusted, hardware_id) {
        Ok(()) => Ok(printer.line(format!(
            "{}: the {who} signature is valid",
            package.display()
        ))?),
        Err(error @ PackageError::Signature(SignatureError::Invalid { .. })) => {
            printer.error(&error.to_string());
            Err(Failed::With(ExitCode::from(INVALID)))
        }
        Err(error) => Err(Failed::because(error)),
    }
}

fn yaml_to_json(args: &YamlToJson, printer: &mut Printer) -> Outcome {
    let wrong =
        |error: yaml::YamlError| Failed::Because(format!("`{}`: {error}", args.file.display()));
    let mut documents = Vec::new();
    for document in yaml::read(&read(&args.file)?).map_err(wrong)? {
        documents.push(to_json(&document.value().map_err(wrong)?));
    }
    let Some(index) = args.document_index else {
        return Ok(printer.json(&documents)?);
    };
    match documents.get(index) {
        Some(document) => Ok(printer.json(document)?),
        None => Err(Failed::Because(format!(
            "there is no document {index}: `{}` has {} of them, counted from 0",
            args.file.display(),
            documents.len()
        ))),
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Unsigned(value) => json!(value),
        // JSON has no infinity.
        Value::Double(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(values) => values.iter().map(to_json).collect(),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), to_json(value)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}
