//! The only place that touches processes. `unix` and `windows` have the same functions in the same
//! order.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;
