//! Where cases live: the Store trait, its conformance suite and its backends.
