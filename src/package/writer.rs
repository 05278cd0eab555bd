//! Writing the entries of a package.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use tar::{EntryType, Header};

use super::content::length;
use super::entries::{BLOCK, FOOTER};
use super::header::Footer;

/// What stands behind the files: the footers and the end mark.
pub(super) struct End(pub(super) Vec<u8>);

/// Makes the end of a package.
pub(super) fn end(footer: &Footer, moment: SystemTime) -> End {
    let mut end = Vec::new();
    for text in footer.written() {
        // Writing to a vector never fails, and the name is short.
        let _ = file(&mut end, FOOTER, text.as_bytes(), moment);
    }
    end.resize(end.len() + 2 * BLOCK, 0);
    End(end)
}

/// Writes one of the package's own entries whole.
pub(super) fn file(
    out: &mut dyn Write,
    name: &str,
    content: &[u8],
    moment: SystemTime,
) -> io::Result<()> {
    let seconds = moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |past| past.as_secs());
    header(
        out,
        name,
        EntryType::Regular,
        0o400,
        length(content.len()),
        seconds,
    )?;
    out.write_all(content)?;
    out.write_all(filling(length(content.len())))
}

/// What fills up the last block of a content.
pub(super) fn filling(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let used = usize::try_from(size % length(BLOCK)).unwrap_or(0);
    let count = if used == 0 { 0 } else { BLOCK - used };
    ZEROS.get(..count).unwrap_or_default()
}

/// Writes the header of an entry, with a pax header before it when the name or the size does not fit.
pub(super) fn header(
    out: &mut dyn Write,
    name: &str,
    kind: EntryType,
    mode: u32,
    size: u64,
    seconds: u64,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    let mut records = Vec::new();
    // The library puts what is too large for a field in another form than the standard has.
    if size >= 1 << 33 {
        record(&mut records, "size", &size.to_string());
        header.set_size(0);
    } else {
        header.set_size(size);
    }
    if !put_name(&mut header, name) {
        record(&mut records, "path", name);
        put_name(&mut header, "long-name");
    }
    if !records.is_empty() {
        let mut note = Header::new_ustar();
        note.set_entry_type(EntryType::XHeader);
        note.set_mode(0o400);
        note.set_size(length(records.len()));
        put_name(&mut note, "pax-header");
        note.set_cksum();
        out.write_all(note.as_bytes())?;
        out.write_all(&records)?;
        out.write_all(filling(length(records.len())))?;
    }
    header.set_cksum();
    out.write_all(header.as_bytes())
}

/// Puts a name into a header as it is: the library's own way would change `./a` and `\`. Answers whether
/// it fits.
fn put_name(header: &mut Header, name: &str) -> bool {
    let Some(header) = header.as_ustar_mut() else {
        return false;
    };
    let split = if name.len() <= header.name.len() {
        Some(("", name))
    } else {
        let mut slashes = name.match_indices('/').map(|(at, _)| at);
        slashes.find_map(|at| {
            let (prefix, rest) = name.split_at(at);
            let rest = rest.get(1..)?;
            let fits = prefix.len() <= header.prefix.len() && rest.len() <= header.name.len();
            (fits && !prefix.is_empty() && !rest.is_empty()).then_some((prefix, rest))
        })
    };
    let Some((prefix, rest)) = split else {
        return false;
    };
    for (field, text) in [
        (&mut header.prefix[..], prefix),
        (&mut header.name[..], rest),
    ] {
        field.fill(0);
        for (place, byte) in field.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
    }
    true
}

/// A record of a pax header: it begins with its own length.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = format!(" {key}={value}\n");
    let mut whole = rest.len();
    while whole.to_string().len() + rest.len() != whole {
        whole = whole.to_string().len() + rest.len();
    }
    records.extend(format!("{whole}{rest}").bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    /// Names and sizes as the library reads them.
    fn read(bytes: &[u8]) -> Vec<(String, u64)> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| {
                let mut entry = entry.unwrap();
                let name = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (name, entry.size())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn any_name_can_be_written_and_read(
            parts in prop::collection::vec("[a-zäß. ]{1,90}", 1..6), size in 0_usize..1300
        ) {
            let name = parts.join("/");
            let mut bytes = Vec::new();
            file(&mut bytes, &name, &vec![1; size], SystemTime::now()).unwrap();
            bytes.resize(bytes.len() + 2 * BLOCK, 0);
            prop_assert_eq!(bytes.len() % BLOCK, 0);
            prop_assert_eq!(read(&bytes), [(name, u64::try_from(size).unwrap())]);
        }
    }

    #[test]
    fn a_size_that_does_not_fit_stands_in_a_note() {
        let mut bytes = Vec::new();
        header(&mut bytes, "a", EntryType::Regular, 0o400, 1 << 33, 0).unwrap();
        let note = String::from_utf8_lossy(&bytes).into_owned();
        assert!(note.contains("19 size=8589934592\n"), "{note}");
    }
}
