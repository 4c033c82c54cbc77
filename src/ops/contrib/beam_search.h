// What BeamSearch and WhisperBeamSearch share: their inputs 0 to 11 and the search itself
// (ops/contrib/search.h).
#pragma once

#include "ops/compose.h"
#include "ops/contrib/search.h"

namespace ortolan {

// temperature: the number of that input, 0: there is none.
Status ComposeBeamSearch(RaiseContext& context, DecoderForm form, size_t temperature);

}  // namespace ortolan
