// 128-bit integers: a sum of 64-bit values that cannot overflow within any number of runs.
#pragma once

namespace predrill::sim {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

}  // namespace predrill::sim
