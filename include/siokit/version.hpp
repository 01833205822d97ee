// siokit/version.hpp - the version, and the inline namespace every name lives in.
// SPDX-License-Identifier: MIT
#pragma once

#define SIOKIT_VERSION_MAJOR 0
#define SIOKIT_VERSION_MINOR 1
#define SIOKIT_VERSION_PATCH 0
#define SIOKIT_VERSION_STRING "0.1.0"

/// `siokit::inline v0`: two versions of siokit can be linked into one program without clashing.
namespace siokit::inline v0 {}
