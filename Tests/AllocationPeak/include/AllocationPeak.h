#pragma once

// How much memory a piece of work takes at once, counted where a sanitizer tells of every allocation.

// Begins to count from nothing. Returns whether there is a sanitizer that tells.
int ap_begin(void);

// The most bytes, of those allocated since `ap_begin` by any thread, that were in use at once.
long ap_peak(void);
