// One strip of columns of AddProductsPanel, eight rows at a time and then one by one: the
// accumulators A0 … A7 begin with out, MULADD(i, p, t, a) adds coefficient i of a term times
// the strip of x at p to a, with t to work in. SIZE is that of a number, FRAME of locals and
// arguments; stride is the length of a row in bytes; sign is −0 to subtract.
//
// func(out, val *V, at *int, x *V, shift *int, terms, stride, rows int, sign V)
TEXT NAME(SB), NOSPLIT, FRAME
	MOVQ out+0(FP), DI
	MOVQ val+8(FP), SI
	MOVQ at+16(FP), R9
	MOVQ x+24(FP), DX
	MOVQ shift+32(FP), R10
	MOVQ terms+40(FP), R11
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	BROADCAST(sign+64(FP), SIGN)
	FLUSH(AX)
	LEAQ (R8)(R8*2), R12
	LEAQ (R8)(R8*4), R13
	LEAQ (R12)(R8*4), R15
	SUBQ $8, CX
	JLT  rest

eight:
	MOVE (DI), A0
	NEGATE(A0)
	MOVE (DI)(R8*1), A1
	NEGATE(A1)
	MOVE (DI)(R8*2), A2
	NEGATE(A2)
	MOVE (DI)(R12*1), A3
	NEGATE(A3)
	MOVE (DI)(R8*4), A4
	NEGATE(A4)
	MOVE (DI)(R13*1), A5
	NEGATE(A5)
	MOVE (DI)(R12*2), A6
	NEGATE(A6)
	MOVE (DI)(R15*1), A7
	NEGATE(A7)
	XORL AX, AX

eightterm:
	TERM
	MULADD(0, (BX), T0, A0)
	MULADD(1, (BX)(R8*1), T1, A1)
	MULADD(2, (BX)(R8*2), T2, A2)
	MULADD(3, (BX)(R12*1), T3, A3)
	MULADD(4, (BX)(R8*4), T0, A4)
	MULADD(5, (BX)(R13*1), T1, A5)
	MULADD(6, (BX)(R12*2), T2, A6)
	MULADD(7, (BX)(R15*1), T3, A7)
	INCQ AX
	CMPQ AX, R11
	JLT  eightterm
	NEGATE(A0)
	MOVE A0, (DI)
	NEGATE(A1)
	MOVE A1, (DI)(R8*1)
	NEGATE(A2)
	MOVE A2, (DI)(R8*2)
	NEGATE(A3)
	MOVE A3, (DI)(R12*1)
	NEGATE(A4)
	MOVE A4, (DI)(R8*4)
	NEGATE(A5)
	MOVE A5, (DI)(R13*1)
	NEGATE(A6)
	MOVE A6, (DI)(R12*2)
	NEGATE(A7)
	MOVE A7, (DI)(R15*1)
	LEAQ (DI)(R8*8), DI
	LEAQ (DX)(R8*8), DX
	ADDQ $(8*SIZE), SI
	SUBQ $8, CX
	JGE  eight

rest:
	ADDQ $8, CX
	JEQ  done

one:
	MOVE (DI), A0
	NEGATE(A0)
	XORL AX, AX

oneterm:
	TERM
	MULADD(0, (BX), T0, A0)
	INCQ AX
	CMPQ AX, R11
	JLT  oneterm
	NEGATE(A0)
	MOVE A0, (DI)
	ADDQ R8, DI
	ADDQ R8, DX
	ADDQ $SIZE, SI
	DECQ CX
	JNE  one

done:
	KEEP
	VZEROUPPER
	RET

#undef NAME
#undef MOVE
#undef NEGATE
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
