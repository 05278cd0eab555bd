//! Which app's job waits for which other app: two lists that start each other's app would wait for
//! ever, so the later one is refused.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::app::AppName;

/// Who waits for whom. A job waits for one app at a time, because its steps run one by one.
#[derive(Default)]
pub(super) struct Waits {
    edges: Mutex<HashMap<AppName, AppName>>,
}

/// One app's wait, until dropped.
pub(super) struct Waiting<'a> {
    waits: &'a Waits,
    from: AppName,
}

impl Waits {
    /// Begins a wait.
    ///
    /// # Errors
    /// The path from `from` back to itself, when `to` waits for `from` already.
    pub(super) fn begin(&self, from: &AppName, to: &AppName) -> Result<Waiting<'_>, Vec<AppName>> {
        let mut edges = self.edges();
        let mut path = vec![from.clone()];
        let mut at = Some(to);
        while let Some(app) = at {
            path.push(app.clone());
            if app == from {
                return Err(path);
            }
            at = edges.get(app);
        }
        edges.insert(from.clone(), to.clone());
        Ok(Waiting {
            waits: self,
            from: from.clone(),
        })
    }

    fn edges(&self) -> MutexGuard<'_, HashMap<AppName, AppName>> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waits.edges().remove(&self.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> AppName {
        AppName::parse(name).unwrap()
    }

    #[test]
    fn the_wait_that_closes_a_circle_is_refused() {
        let waits = Waits::default();
        let (a, b, c) = (name("a"), name("b"), name("c"));
        let _first = waits.begin(&a, &b).ok().unwrap();
        let second = waits.begin(&b, &c).ok().unwrap();
        let path = waits.begin(&c, &a).err().unwrap();
        assert_eq!(path, [c.clone(), a.clone(), b.clone(), c.clone()]);
        drop(second);
        assert!(waits.begin(&c, &a).is_ok());
        assert!(waits.begin(&c, &c).is_err());
    }
}
