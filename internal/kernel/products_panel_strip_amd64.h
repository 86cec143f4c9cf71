// One strip of columns of AddProductsPanel, eight rows at a time and then one by one: the
// accumulators A0 … A7 begin with out, SPREAD(i, t) fills t with coefficient i of a term and
// MULADD(p, t, a) adds t times the strip at p to a. stride is the length of a row in bytes;
// sign is −0 to subtract.
//
// func(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)
TEXT NAME(SB), NOSPLIT, $8-68
	MOVQ out+0(FP), DI
	MOVQ val+8(FP), SI
	MOVQ at+16(FP), R9
	MOVQ x+24(FP), DX
	MOVQ shift+32(FP), R10
	MOVQ terms+40(FP), R11
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	VBROADCASTSS sign+64(FP), SIGN
	FLUSH(AX)
	LEAQ (R8)(R8*2), R12
	LEAQ (R8)(R8*4), R13
	LEAQ (R12)(R8*4), R15
	SUBQ $8, CX
	JLT  rest

eight:
	MOVE (DI), A0
	MOVE (DI)(R8*1), A1
	MOVE (DI)(R8*2), A2
	MOVE (DI)(R12*1), A3
	MOVE (DI)(R8*4), A4
	MOVE (DI)(R13*1), A5
	MOVE (DI)(R12*2), A6
	MOVE (DI)(R15*1), A7
	XORL AX, AX

eightterm:
	TERM
	SPREAD(0, T0)
	MULADD((BX), T0, A0)
	SPREAD(1, T1)
	MULADD((BX)(R8*1), T1, A1)
	SPREAD(2, T2)
	MULADD((BX)(R8*2), T2, A2)
	SPREAD(3, T3)
	MULADD((BX)(R12*1), T3, A3)
	SPREAD(4, T0)
	MULADD((BX)(R8*4), T0, A4)
	SPREAD(5, T1)
	MULADD((BX)(R13*1), T1, A5)
	SPREAD(6, T2)
	MULADD((BX)(R12*2), T2, A6)
	SPREAD(7, T3)
	MULADD((BX)(R15*1), T3, A7)
	INCQ AX
	CMPQ AX, R11
	JLT  eightterm
	MOVE A0, (DI)
	MOVE A1, (DI)(R8*1)
	MOVE A2, (DI)(R8*2)
	MOVE A3, (DI)(R12*1)
	MOVE A4, (DI)(R8*4)
	MOVE A5, (DI)(R13*1)
	MOVE A6, (DI)(R12*2)
	MOVE A7, (DI)(R15*1)
	LEAQ (DI)(R8*8), DI
	LEAQ (DX)(R8*8), DX
	ADDQ $32, SI
	SUBQ $8, CX
	JGE  eight

rest:
	ADDQ $8, CX
	JEQ  done

one:
	MOVE (DI), A0
	XORL AX, AX

oneterm:
	TERM
	SPREAD(0, T0)
	MULADD((BX), T0, A0)
	INCQ AX
	CMPQ AX, R11
	JLT  oneterm
	MOVE A0, (DI)
	ADDQ R8, DI
	ADDQ R8, DX
	ADDQ $4, SI
	DECQ CX
	JNE  one

done:
	KEEP
	VZEROUPPER
	RET

#undef NAME
#undef MOVE
#undef SPREAD
#undef MULADD
#undef SIGN
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
#undef T0
#undef T1
#undef T2
#undef T3
