//go:build !purego

#include "textflag.h"

// The loops of grid.go, 32 elements at a time, then eight, and the rest under a mask,
// with every product and sum rounded as in the plain twins.

// firstOf8 is eight words of ones and eight of zeros.
DATA ·firstOf8+0(SB)/4, $-1
DATA ·firstOf8+4(SB)/4, $-1
DATA ·firstOf8+8(SB)/4, $-1
DATA ·firstOf8+12(SB)/4, $-1
DATA ·firstOf8+16(SB)/4, $-1
DATA ·firstOf8+20(SB)/4, $-1
DATA ·firstOf8+24(SB)/4, $-1
DATA ·firstOf8+28(SB)/4, $-1
DATA ·firstOf8+32(SB)/4, $0
DATA ·firstOf8+36(SB)/4, $0
DATA ·firstOf8+40(SB)/4, $0
DATA ·firstOf8+44(SB)/4, $0
DATA ·firstOf8+48(SB)/4, $0
DATA ·firstOf8+52(SB)/4, $0
DATA ·firstOf8+56(SB)/4, $0
DATA ·firstOf8+60(SB)/4, $0
GLOBL ·firstOf8(SB), RODATA|NOPTR, $64

// MASK sets Y9 to ones in the first CX of eight elements, CX being 1 … 7.
#define MASK \
	LEAQ    ·firstOf8+32(SB), R11 \
	SHLQ    $2, CX                \
	SUBQ    CX, R11               \
	VMOVUPS (R11), Y9

// func subProductsSingleAVX2(t, a, x *float32, sa, sx, terms, n int)
TEXT ·subProductsSingleAVX2(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ x+16(FP), DX
	MOVQ sa+24(FP), R8
	MOVQ sx+32(FP), R9
	MOVQ terms+40(FP), R10
	MOVQ n+48(FP), CX
	SHLQ $2, R8
	SHLQ $2, R9
	SUBQ $32, CX
	JLT  rest

wide:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	MOVQ    SI, R11
	MOVQ    DX, R12
	MOVQ    R10, R13

term32:
	VMOVUPS (R11), Y4
	VMOVUPS 32(R11), Y5
	VMOVUPS 64(R11), Y6
	VMOVUPS 96(R11), Y7
	VMULPS  (R12), Y4, Y4
	VMULPS  32(R12), Y5, Y5
	VMULPS  64(R12), Y6, Y6
	VMULPS  96(R12), Y7, Y7
	VSUBPS  Y4, Y0, Y0
	VSUBPS  Y5, Y1, Y1
	VSUBPS  Y6, Y2, Y2
	VSUBPS  Y7, Y3, Y3
	ADDQ    R8, R11
	ADDQ    R9, R12
	DECQ    R13
	JNE     term32
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, DI
	ADDQ    $128, SI
	ADDQ    $128, DX
	SUBQ    $32, CX
	JGE     wide

rest:
	ADDQ $32, CX
	JMP  few

narrow:
	VMOVUPS (DI), Y0
	MOVQ    SI, R11
	MOVQ    DX, R12
	MOVQ    R10, R13

term8:
	VMOVUPS (R11), Y4
	VMULPS  (R12), Y4, Y4
	VSUBPS  Y4, Y0, Y0
	ADDQ    R8, R11
	ADDQ    R9, R12
	DECQ    R13
	JNE     term8
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX

few:
	CMPQ  CX, $8
	JGE   narrow
	TESTQ CX, CX
	JEQ   done
	MASK
	VMASKMOVPS (DI), Y9, Y0
	MOVQ       SI, R11
	MOVQ       DX, R12
	MOVQ       R10, R13

term1:
	VMASKMOVPS (R11), Y9, Y4
	VMASKMOVPS (R12), Y9, Y5
	VMULPS     Y5, Y4, Y4
	VSUBPS     Y4, Y0, Y0
	ADDQ       R8, R11
	ADDQ       R9, R12
	DECQ       R13
	JNE        term1
	VMASKMOVPS Y0, Y9, (DI)

done:
	VZEROUPPER
	RET

// func addScaledSingleAVX2(t, c, x *float32, sx, terms, n int)
TEXT ·addScaledSingleAVX2(SB), NOSPLIT, $0-48
	MOVQ t+0(FP), DI
	MOVQ c+8(FP), SI
	MOVQ x+16(FP), DX
	MOVQ sx+24(FP), R9
	MOVQ terms+32(FP), R10
	MOVQ n+40(FP), CX
	SHLQ $2, R9
	SUBQ $32, CX
	JLT  rest

wide:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	MOVQ    SI, R11
	MOVQ    DX, R12
	MOVQ    R10, R13

term32:
	VBROADCASTSS (R11), Y8
	VMULPS       (R12), Y8, Y4
	VMULPS       32(R12), Y8, Y5
	VMULPS       64(R12), Y8, Y6
	VMULPS       96(R12), Y8, Y7
	VADDPS       Y4, Y0, Y0
	VADDPS       Y5, Y1, Y1
	VADDPS       Y6, Y2, Y2
	VADDPS       Y7, Y3, Y3
	ADDQ         $4, R11
	ADDQ         R9, R12
	DECQ         R13
	JNE          term32
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	ADDQ         $128, DI
	ADDQ         $128, DX
	SUBQ         $32, CX
	JGE          wide

rest:
	ADDQ $32, CX
	JMP  few

narrow:
	VMOVUPS (DI), Y0
	MOVQ    SI, R11
	MOVQ    DX, R12
	MOVQ    R10, R13

term8:
	VBROADCASTSS (R11), Y8
	VMULPS       (R12), Y8, Y4
	VADDPS       Y4, Y0, Y0
	ADDQ         $4, R11
	ADDQ         R9, R12
	DECQ         R13
	JNE          term8
	VMOVUPS      Y0, (DI)
	ADDQ         $32, DI
	ADDQ         $32, DX
	SUBQ         $8, CX

few:
	CMPQ  CX, $8
	JGE   narrow
	TESTQ CX, CX
	JEQ   done
	MASK
	VMASKMOVPS (DI), Y9, Y0
	MOVQ       SI, R11
	MOVQ       DX, R12
	MOVQ       R10, R13

term1:
	VBROADCASTSS (R11), Y8
	VMASKMOVPS   (R12), Y9, Y4
	VMULPS       Y4, Y8, Y4
	VADDPS       Y4, Y0, Y0
	ADDQ         $4, R11
	ADDQ         R9, R12
	DECQ         R13
	JNE          term1
	VMASKMOVPS   Y0, Y9, (DI)

done:
	VZEROUPPER
	RET
