//go:build !purego

package kernel

// Each of the functions without AVX2 in its name does the first values of its slices
// and returns how many; n is a positive multiple of four.

//go:noescape
func charbonnierSeedsAVX2(seed *float32, t *float64, n int, eps2 float64)

func charbonnierSeeds(seed []float32, t []float64, eps2 float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		charbonnierSeedsAVX2(&seed[0], &t[0], done, eps2)
	}
	return done
}

//go:noescape
func mulCharbonnierAVX2(u, t *float64, seed *float32, n int, c, eps2 float64)

func mulCharbonnier(u, t []float64, seed []float32, c, eps2 float64) (done int) {
	if useAVX2 && len(u) >= 4 {
		done = len(u) &^ 3
		mulCharbonnierAVX2(&u[0], &t[0], &seed[0], done, c, eps2)
	}
	return done
}

//go:noescape
func lorentzianSeedsAVX2(seed *float32, t *float64, n int)

func lorentzianSeeds(seed []float32, t []float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		lorentzianSeedsAVX2(&seed[0], &t[0], done)
	}
	return done
}

//go:noescape
func mulLorentzianAVX2(u, t *float64, seed *float32, n int, c float64)

func mulLorentzian(u, t []float64, seed []float32, c float64) (done int) {
	if useAVX2 && len(u) >= 4 {
		done = len(u) &^ 3
		mulLorentzianAVX2(&u[0], &t[0], &seed[0], done, c)
	}
	return done
}

//go:noescape
func mulFloat32AVX2(u *float64, w *float32, n int)

func mulFloat32(u []float64, w []float32) (done int) {
	if useAVX2 && len(u) >= 4 {
		done = len(u) &^ 3
		mulFloat32AVX2(&u[0], &w[0], done)
	}
	return done
}

//go:noescape
func mulFloat64AVX2(u, w *float64, n int)

func mulFloat64(u, w []float64) (done int) {
	if useAVX2 && len(u) >= 4 {
		done = len(u) &^ 3
		mulFloat64AVX2(&u[0], &w[0], done)
	}
	return done
}

//go:noescape
func axpyAVX2(y *float64, a float64, x *float64, n int)

func axpy(y []float64, a float64, x []float64) (done int) {
	if useAVX2 && len(y) >= 4 {
		done = len(y) &^ 3
		axpyAVX2(&y[0], a, &x[0], done)
	}
	return done
}

//go:noescape
func charbonnierSlopeAVX2(t *float64, n int, c, eps2 float64)

func charbonnierSlope(t []float64, c, eps2 float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		charbonnierSlopeAVX2(&t[0], done, c, eps2)
	}
	return done
}

//go:noescape
func charbonnierCurvatureAVX2(t *float64, n int, c, eps2 float64)

func charbonnierCurvature(t []float64, c, eps2 float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		charbonnierCurvatureAVX2(&t[0], done, c, eps2)
	}
	return done
}

//go:noescape
func lorentzianSlopeAVX2(t *float64, n int, c float64)

func lorentzianSlope(t []float64, c float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		lorentzianSlopeAVX2(&t[0], done, c)
	}
	return done
}

//go:noescape
func lorentzianCurvatureAVX2(t *float64, n int, c float64)

func lorentzianCurvature(t []float64, c float64) (done int) {
	if useAVX2 && len(t) >= 4 {
		done = len(t) &^ 3
		lorentzianCurvatureAVX2(&t[0], done, c)
	}
	return done
}

//go:noescape
func charbonnierSumAVX2(t *float64, n int, eps, eps2 float64) float64

func charbonnierSum(t []float64, eps, eps2 float64) (s float64, done int) {
	done = len(t) &^ 3
	switch {
	case done == 0:
		return 0, 0
	case useAVX2:
		return charbonnierSumAVX2(&t[0], done, eps, eps2), done
	}
	return charbonnierSumPlain(t[:done], eps, eps2), done
}
