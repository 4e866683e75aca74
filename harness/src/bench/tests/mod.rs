//! Rounds, gate, budget, resume and history by a script.
