//! The tests from outside: they drive the real service, the real command line and real programs.

mod architecture;
mod dependencies;
