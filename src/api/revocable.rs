//! An answer that goes on only as long as the one who asked is let in: a stream to a page whose
//! permission the user revoked ends at once.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::web::Bytes;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream that ends when its permit does.
struct Revocable<B> {
    body: Pin<Box<B>>,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Lets an answer end with this permit when it is a stream. Everything else has its end in itself.
pub(super) fn bound_to<B: MessageBody + 'static>(
    permit: CancellationToken,
    response: ServiceResponse<EitherBody<B>>,
) -> ServiceResponse<EitherBody<B>> {
    if response.response().body().size() != BodySize::Stream {
        return response;
    }
    response.map_body(|_, body| {
        EitherBody::right(BoxBody::new(Revocable {
            body: Box::pin(body),
            revoked: Box::pin(permit.cancelled_owned()),
        }))
    })
}

impl<B: MessageBody> MessageBody for Revocable<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.revoked.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        self.body.as_mut().poll_next(context)
    }
}
