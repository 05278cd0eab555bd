//! Job objects: what a process starts is in its job too, whatever it does to get away.

use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_MORE_DATA, HANDLE,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
    JOBOBJECT_BASIC_PROCESS_ID_LIST, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectBasicProcessIdList, JobObjectExtendedLimitInformation, OpenJobObjectW,
    QueryInformationJobObject, SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::process::KILLED;
use super::{check, size_of, wide};

/// All rights on a job object (`JOB_OBJECT_ALL_ACCESS` of `winnt.h`).
const ALL_ACCESS: u32 = 0x001F_003F;

/// A process with everything that descends from it.
#[derive(Debug)]
pub(super) struct Job(OwnedHandle);

impl Job {
    /// Makes a job, or opens the one of this name.
    pub(super) fn create(name: &str) -> io::Result<Self> {
        let name = wide(name);
        // SAFETY: the name ends in 0 and outlives the call.
        let job = Self(unsafe { owned(CreateJobObjectW(ptr::null(), name.as_ptr())) }?);
        // Not KILL_ON_JOB_CLOSE: the apps live on when the service does not. A crash must end the
        // program and not wait for somebody to close a window.
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
        // SAFETY: the structure is the one that this class of information takes, of that size.
        check(unsafe {
            SetInformationJobObject(
                job.raw(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>(),
            )
        })?;
        Ok(job)
    }

    /// Opens the job of this name, if somebody still holds it: see [`Job::give_to`].
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let name = wide(name);
        // SAFETY: the name ends in 0 and outlives the call.
        unsafe { owned(OpenJobObjectW(ALL_ACCESS, 0, name.as_ptr())) }.map(Self)
    }

    fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Puts a process into the job.
    pub(super) fn add(&self, process: BorrowedHandle) -> io::Result<()> {
        // SAFETY: both handles are open.
        check(unsafe { AssignProcessToJobObject(self.raw(), process.as_raw_handle()) })
    }

    /// Gives the process a handle to the job, without its knowledge. A job loses its name with the
    /// last handle: so it keeps it as long as the process lives, and a later service finds it.
    pub(super) fn give_to(&self, process: BorrowedHandle) -> io::Result<()> {
        let mut theirs = ptr::null_mut();
        // SAFETY: the handles are open, and `theirs` outlives the call. The new handle belongs to
        // the other process.
        check(unsafe {
            DuplicateHandle(
                GetCurrentProcess(),
                self.raw(),
                process.as_raw_handle(),
                &raw mut theirs,
                0,
                0,
                DUPLICATE_SAME_ACCESS,
            )
        })
    }

    /// The pids of its processes that live.
    pub(super) fn pids(&self) -> Vec<u32> {
        // In the structure the list has room for one.
        let header = std::mem::offset_of!(JOBOBJECT_BASIC_PROCESS_ID_LIST, ProcessIdList);
        let mut room = 64;
        loop {
            // Numbers of the pointer's size, so that the list in it is aligned.
            let word = std::mem::size_of::<usize>();
            let mut buffer = vec![0_usize; header / word + room];
            let bytes = u32::try_from(buffer.len() * word).unwrap_or(u32::MAX);
            // SAFETY: the buffer is aligned for the structure and has the size that is told.
            let answer = unsafe {
                QueryInformationJobObject(
                    self.raw(),
                    JobObjectBasicProcessIdList,
                    buffer.as_mut_ptr().cast(),
                    bytes,
                    ptr::null_mut(),
                )
            };
            if let Err(error) = check(answer) {
                if error.raw_os_error() == Some(ERROR_MORE_DATA.cast_signed()) && room < 1 << 20 {
                    room *= 4;
                    continue;
                }
                return Vec::new();
            }
            // SAFETY: the call has filled in the structure's head.
            let listed = unsafe {
                (*buffer.as_ptr().cast::<JOBOBJECT_BASIC_PROCESS_ID_LIST>())
                    .NumberOfProcessIdsInList
            };
            return buffer
                .iter()
                .skip(header / word)
                .take(usize::try_from(listed).unwrap_or_default())
                .filter_map(|&pid| u32::try_from(pid).ok())
                .collect();
        }
    }

    /// Ends everything in the job, hard.
    pub(super) fn terminate(&self) {
        // SAFETY: the handle is open. There is nothing to do about a failure: who asked looks
        // again at what lives.
        unsafe { TerminateJobObject(self.raw(), KILLED) };
    }
}

/// Owns the handle that a function of the system answered.
///
/// # Safety
/// The handle must be null or nobody else's.
unsafe fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        Err(io::Error::last_os_error())
    } else {
        // SAFETY: it is open and ours alone, as the caller promises.
        Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
    }
}
