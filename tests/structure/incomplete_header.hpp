// A violation made on purpose: uses std::vector without including it. The test that compiles each
// header on its own must reject it.
#pragma once

inline std::vector<int> numbers() { return {}; }
