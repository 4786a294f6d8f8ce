mod fakes;
mod replaying;
mod tracking;
