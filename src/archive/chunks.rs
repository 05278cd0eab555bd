//! Work on several threads whose results come in the order of the orders, with as many of them on
//! the way as there is room for.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Orders on the way for each thread: one in its hands, one before and one behind it.
const ORDERS: usize = 3;

/// Takes orders and gives results.
pub(super) struct Queue<O, R> {
    orders: Sender<(O, SyncSender<R>)>,
    waiting: VecDeque<Receiver<R>>,
    room: usize,
}

impl<O, R> Queue<O, R> {
    /// Gives an order. Answers the result of an older one, when it has to make room for this.
    pub(super) fn order(&mut self, order: O) -> Option<R> {
        let (sender, receiver) = sync_channel(1);
        self.orders
            .send((order, sender))
            .expect("the threads live as long as their queue");
        self.waiting.push_back(receiver);
        if self.waiting.len() > self.room {
            return self.result();
        }
        None
    }

    /// Gives as many of the orders as there is room for.
    pub(super) fn fill(&mut self, orders: &mut impl Iterator<Item = O>) {
        while self.waiting.len() < self.room
            && let Some(order) = orders.next()
        {
            // There is room, so that no older result has to make some.
            let _ = self.order(order);
        }
    }

    /// Waits for the result of the oldest order; none when there is none.
    pub(super) fn result(&mut self) -> Option<R> {
        let receiver = self.waiting.pop_front()?;
        Some(receiver.recv().expect("every order is worked on"))
    }
}

/// Lets `drive` give orders to threads, each with a worker of its own.
pub(super) fn work_in_order<O: Send, R: Send, W: FnMut(O) -> R, A>(
    threads: usize,
    worker: impl Fn() -> W + Sync,
    drive: impl FnOnce(&mut Queue<O, R>) -> A,
) -> A {
    let (orders, taken) = channel::<(O, SyncSender<R>)>();
    let taken = Mutex::new(taken);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut work = worker();
                loop {
                    let next = taken.lock().expect("no thread panics with the lock").recv();
                    let Ok((order, answer)) = next else {
                        return;
                    };
                    // Where nobody waits any more, the archive has failed.
                    let _ = answer.send(work(order));
                }
            });
        }
        let mut queue = Queue {
            orders,
            waiting: VecDeque::new(),
            room: threads * ORDERS,
        };
        drive(&mut queue)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_orders() {
        let mut results = Vec::new();
        work_in_order(
            3,
            || {
                |number: u64| {
                    // Some take much longer than others.
                    let work: u64 = (0..(number * 7919) % 5000).sum();
                    std::hint::black_box(work);
                    number
                }
            },
            |queue| {
                for number in 0..1000 {
                    results.extend(queue.order(number));
                }
                while let Some(result) = queue.result() {
                    results.push(result);
                }
            },
        );
        assert_eq!(results, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn it_ends_when_nobody_waits_for_the_results() {
        work_in_order(
            2,
            || |_: u8| (),
            |queue| {
                queue.order(1);
            },
        );
    }
}
