//! The host against the embedded cloud and scripted ones: what its users and its cloud see.

mod approvals;
mod away;
mod bad_agents;
mod cloud_faults;
mod control;
mod crowd;
mod ends;
mod exec;
mod faults;
mod gone;
mod http;
mod incumbent;
mod limits;
mod link;
mod metrics;
mod order;
mod restart;
mod sandbox;
mod secrets;
mod sessions;
mod state;
mod status;
mod stop;
mod swap;
mod trace;
mod turn;
