//! Rounds, gate, budget, resume and preparation by a script: no worker is started, and time
//! comes from the script.

mod audit;
mod budget;
mod gate;
mod page;
mod preparation;
mod repeats;
mod resume;
mod rounds;
mod script;
mod speeds;
