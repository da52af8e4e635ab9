//! The connector against servers of the test.
