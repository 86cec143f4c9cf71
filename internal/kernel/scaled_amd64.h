// AddScaled over whole registers of BYTES bytes: eight at a time, then four, then one. A0 …
// A7 are the sums, C holds a factor.
//
// func(t, c, x *float64, sx, terms, n int)
TEXT NAME(SB), NOSPLIT, $0-48
	MOVQ t+0(FP), DI
	MOVQ c+8(FP), SI
	MOVQ x+16(FP), DX
	MOVQ sx+24(FP), R9
	MOVQ terms+32(FP), R10
	MOVQ n+40(FP), CX
	SHLQ $3, R9
	SHLQ $3, CX
	SUBQ $(8*BYTES), CX
	JLT  four

eight:
	VMOVUPD (DI), A0
	VMOVUPD (1*BYTES)(DI), A1
	VMOVUPD (2*BYTES)(DI), A2
	VMOVUPD (3*BYTES)(DI), A3
	VMOVUPD (4*BYTES)(DI), A4
	VMOVUPD (5*BYTES)(DI), A5
	VMOVUPD (6*BYTES)(DI), A6
	VMOVUPD (7*BYTES)(DI), A7
	MOVQ    DX, R12
	XORL    AX, AX

eightterm:
	VBROADCASTSD (SI)(AX*8), C
	VFMADD231PD  (R12), C, A0
	VFMADD231PD  (1*BYTES)(R12), C, A1
	VFMADD231PD  (2*BYTES)(R12), C, A2
	VFMADD231PD  (3*BYTES)(R12), C, A3
	VFMADD231PD  (4*BYTES)(R12), C, A4
	VFMADD231PD  (5*BYTES)(R12), C, A5
	VFMADD231PD  (6*BYTES)(R12), C, A6
	VFMADD231PD  (7*BYTES)(R12), C, A7
	ADDQ         R9, R12
	INCQ         AX
	CMPQ         AX, R10
	JLT          eightterm
	VMOVUPD      A0, (DI)
	VMOVUPD      A1, (1*BYTES)(DI)
	VMOVUPD      A2, (2*BYTES)(DI)
	VMOVUPD      A3, (3*BYTES)(DI)
	VMOVUPD      A4, (4*BYTES)(DI)
	VMOVUPD      A5, (5*BYTES)(DI)
	VMOVUPD      A6, (6*BYTES)(DI)
	VMOVUPD      A7, (7*BYTES)(DI)
	ADDQ         $(8*BYTES), DI
	ADDQ         $(8*BYTES), DX
	SUBQ         $(8*BYTES), CX
	JGE          eight

four:
	ADDQ    $(4*BYTES), CX
	JLT     one
	VMOVUPD (DI), A0
	VMOVUPD (1*BYTES)(DI), A1
	VMOVUPD (2*BYTES)(DI), A2
	VMOVUPD (3*BYTES)(DI), A3
	MOVQ    DX, R12
	XORL    AX, AX

fourterm:
	VBROADCASTSD (SI)(AX*8), C
	VFMADD231PD  (R12), C, A0
	VFMADD231PD  (1*BYTES)(R12), C, A1
	VFMADD231PD  (2*BYTES)(R12), C, A2
	VFMADD231PD  (3*BYTES)(R12), C, A3
	ADDQ         R9, R12
	INCQ         AX
	CMPQ         AX, R10
	JLT          fourterm
	VMOVUPD      A0, (DI)
	VMOVUPD      A1, (1*BYTES)(DI)
	VMOVUPD      A2, (2*BYTES)(DI)
	VMOVUPD      A3, (3*BYTES)(DI)
	ADDQ         $(4*BYTES), DI
	ADDQ         $(4*BYTES), DX
	SUBQ         $(4*BYTES), CX

one:
	ADDQ $(4*BYTES), CX
	JEQ  done

next:
	VMOVUPD (DI), A0
	MOVQ    DX, R12
	XORL    AX, AX

oneterm:
	VBROADCASTSD (SI)(AX*8), C
	VFMADD231PD  (R12), C, A0
	ADDQ         R9, R12
	INCQ         AX
	CMPQ         AX, R10
	JLT          oneterm
	VMOVUPD      A0, (DI)
	ADDQ         $BYTES, DI
	ADDQ         $BYTES, DX
	SUBQ         $BYTES, CX
	JNE          next

done:
	VZEROUPPER
	RET

#undef NAME
#undef BYTES
#undef C
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
