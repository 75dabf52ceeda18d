//! Schedule and recorder of stormdb. Pure: time is an argument, nothing is read from a clock.
#![forbid(unsafe_code)]
