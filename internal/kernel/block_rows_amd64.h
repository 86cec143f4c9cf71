// One loop over rows of panels in single precision, two at a time: LOAD fetches the
// arguments, FETCH2 what comes later, PAIR does two rows and steps to the next, LAST the one
// that an odd number leaves, END stores the sums. CX is the number of rows, at least one.
TEXT NAME(SB), NOSPLIT, FRAME
	LOAD
	FLUSH(R15)
	SUBQ $2, CX
	JLT  last

pair:
	FETCH2
	PAIR
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	LAST

done:
	END
	KEEP
	VZEROUPPER
	RET

#undef NAME
#undef FRAME
#undef LOAD
#undef FETCH2
#undef PAIR
#undef LAST
#undef END
