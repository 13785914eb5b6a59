// Forgets the vocabulary of single.h or double.h.
#undef REAL
#undef K
#undef EXP
#undef LOG
#undef TANH
#undef SQRT
#undef SIN
#undef COS
#undef ABS
#undef LIBM
