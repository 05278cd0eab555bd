//! What the repositories offer: of each package the newest version that is released, and the others as
//! its history.

use url::Url;

use super::offer::{Offer, REPOSITORY};
use crate::app::install::{History, InstallInfo};
use crate::app::parse::CATEGORIES;
use crate::app::{AppName, Sha256};
use crate::download::Trust;
use crate::library::{ARCH, Library, OS};
use crate::repository::{self, Address, Cached, Entry, resolve, semver};

/// The category of an app that names none.
const OTHERS: &str = "others";

/// Everything that the repositories offer, in the order of their names. Blocks.
pub(super) fn offers(library: &Library) -> Vec<Offer> {
    let repositories = repository::cached(library);
    repositories.iter().flat_map(of_repository).collect()
}

/// Whom the index of a repository speaks for. Blocks.
pub(super) fn trust_of(library: &Library, name: &str) -> Trust {
    match repository::cached_address(library, name) {
        Some(address) => trust(&address),
        None => Trust::Public,
    }
}

fn trust(address: &Address) -> Trust {
    match address {
        Address::Web(url) => Trust::Source(url.clone()),
        Address::S3(bucket) => Trust::Source(bucket.endpoint.clone()),
        Address::Folder(_) => Trust::Public,
    }
}

fn of_repository(repository: &Cached) -> Vec<Offer> {
    let Ok(catalog) = AppName::parse(repository.name.as_str()) else {
        return Vec::new();
    };
    let packages = repository.index.packages();
    let offers = packages.filter_map(|(name, versions)| {
        let name = AppName::parse(name).ok()?;
        let mut versions: Vec<&Entry> = versions.iter().filter(|it| !it.removed).collect();
        // The newest that is no trial comes first; where all are, the newest.
        let is_released =
            |entry: &&Entry| semver(&entry.version).is_none_or(|version| version.pre.is_empty());
        let newest = versions.iter().position(is_released);
        if versions.is_empty() {
            return None;
        }
        let newest = versions.remove(newest.unwrap_or(0));
        let info = InstallInfo {
            name: name.to_string(),
            version: version(newest),
            url: address_of(repository, newest)?,
            sha256: digest(newest.digest),
            pkg: web_address(&newest.pkg),
            pkg_sha256: digest(newest.pkg_digest),
            desc: newest.description.clone(),
            icon: web_address(&newest.icon),
            category: newest.category.clone(),
            size: newest.size,
            history: versions
                .into_iter()
                .filter_map(|older| history(repository, older))
                .collect(),
            ..InstallInfo::default()
        };
        let category = if CATEGORIES.contains(&newest.category.as_str()) {
            newest.category.clone()
        } else {
            OTHERS.to_owned()
        };
        Some(Offer {
            catalog: catalog.clone(),
            name,
            categories: vec![category],
            info,
            refusal: refusal(newest),
            trust: trust(&repository.address),
        })
    });
    offers.collect()
}

fn history(repository: &Cached, entry: &Entry) -> Option<History> {
    Some(History {
        version: version(entry),
        url: address_of(repository, entry)?,
        sha256: digest(entry.digest),
        pkg: web_address(&entry.pkg),
        pkg_sha256: digest(entry.pkg_digest),
        size: entry.size,
        ..History::default()
    })
}

/// OpenPitrix shows `1.0.0 [5.7]`: what follows the blank is no part of the version.
fn version(entry: &Entry) -> String {
    let version = entry.version.split(' ').next().unwrap_or_default();
    version.to_owned()
}

fn digest(digest: Option<Sha256>) -> String {
    digest.map(|digest| digest.to_string()).unwrap_or_default()
}

/// A whole http address; empty when it is none: what lies in a package cannot be shown or fetched.
fn web_address(text: &str) -> String {
    match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.into(),
        Ok(_) | Err(_) => String::new(),
    }
}

/// Where a package is fetched.
fn address_of(repository: &Cached, entry: &Entry) -> Option<String> {
    let link = entry.urls.first()?;
    match &repository.address {
        Address::Web(base) if !repository.locked => resolve(base, link).ok().map(String::from),
        Address::Folder(folder) => {
            if link.contains("://") {
                return Some(web_address(link)).filter(|url| !url.is_empty());
            }
            let path = folder.join(entry.file()?);
            Url::from_file_path(path).ok().map(String::from)
        }
        Address::Web(_) | Address::S3(_) => Some(format!(
            "{REPOSITORY}://{}/{}",
            repository.name,
            entry.file()?
        )),
    }
}

/// Why a package cannot be installed on this computer.
fn refusal(entry: &Entry) -> Option<String> {
    if let Some(reason) = entry.kind.refusal() {
        return Some(reason.to_owned());
    }
    let fits = |platform: &String| {
        let (os, arch) = match platform.split_once('/') {
            Some((os, arch)) => (os, Some(arch)),
            None => (platform.as_str(), None),
        };
        os.eq_ignore_ascii_case(OS) && arch.is_none_or(|arch| arch.eq_ignore_ascii_case(ARCH))
    };
    if entry.platforms.is_empty() || entry.platforms.iter().any(fits) {
        return None;
    }
    Some(format!(
        "it is made for {}, and this computer is {OS}/{ARCH}",
        entry.platforms.join(", ")
    ))
}
