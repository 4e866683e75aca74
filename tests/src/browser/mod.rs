//! Chromium, driven over its DevTools protocol: pages are opened, read and used
//! as a reader does.

mod accessibility;
mod input;
mod launch;
mod page;
mod protocol;
mod reading;
mod view;
mod watch;

pub use accessibility::Violation;
pub use input::Point;
pub use page::Page;
pub use reading::Focus;
pub use view::{Media, Scheme, View};
