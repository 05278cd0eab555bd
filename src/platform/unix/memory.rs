//! Giving memory back while there is nothing to do.

use std::fs;
use std::ptr::with_exposed_provenance_mut;

/// Keeps the heap in one piece: threads share it instead of each keeping a part of its own, most of
/// which would lie idle. Called once, before there are threads.
pub fn share_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` sets a number, and nothing else runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what a burst of work left: free heap, and the pages of our program's code and
/// constants, most of which only the start needed. What is used again is mapped again from the page
/// cache, which costs some microseconds once.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
    for (start, length) in file_mappings() {
        // SAFETY: the range is a private mapping of a file that is only read and executed and that
        // the loader does not relocate (that part begins further on), so its pages are the file's. Dropping them changes no content: the next access reads the file.
        unsafe {
            libc::madvise(
                with_exposed_provenance_mut(start),
                length,
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// Where code and constants lie: start and length of the mappings of files that can be executed
/// and not be written, and of the parts at the beginning of a file that can only be read.
fn file_mappings() -> Vec<(usize, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(file_mapping).collect()
}

/// One line of `/proc/self/maps`: `55f6-55f9 r-xp 00001000 fd:00 1234   /path`.
fn file_mapping(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, mode, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let is_of_a_file = fields.nth(2).is_some_and(|path| path.starts_with('/'));
    let is_first = offset.bytes().all(|digit| digit == b'0');
    let is_unchanged = mode == "r-xp" || (mode == "r--p" && is_first);
    if !is_of_a_file || !is_unchanged {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_file_still_holds_is_given_back() {
        for line in [
            "55f600000000-55f600001000 r-xp 00001000 fd:00 77    /usr/bin/x",
            "55f600000000-55f600001000 r--p 00000000 fd:00 77    /usr/bin/x",
        ] {
            assert_eq!(file_mapping(line), Some((0x55f6_0000_0000, 0x1000)));
        }
        for line in [
            "55f600000000-55f600001000 r--p 00001000 fd:00 77    /usr/bin/x",
            "55f600000000-55f600001000 rwxp 00001000 fd:00 77    /usr/bin/x",
            "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0     [vdso]",
            "",
        ] {
            assert_eq!(file_mapping(line), None, "{line}");
        }
    }

    #[test]
    fn the_program_goes_on_after_it() {
        release_memory();
        assert!(!file_mappings().is_empty());
    }
}
