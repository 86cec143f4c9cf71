//go:build !amd64 || purego

package kernel

func charbonnierSeeds(seed []float32, t []float64, eps2 float64) (done int)     { return 0 }
func mulCharbonnier(u, t []float64, seed []float32, c, eps2 float64) (done int) { return 0 }
func lorentzianSeeds(seed []float32, t []float64) (done int)                    { return 0 }
func mulLorentzian(u, t []float64, seed []float32, c float64) (done int)        { return 0 }
func mulFloat32(u []float64, w []float32) (done int)                            { return 0 }
func mulFloat64(u, w []float64) (done int)                                      { return 0 }
func axpy(y []float64, a float64, x []float64) (done int)                       { return 0 }
func charbonnierSlope(t []float64, c, eps2 float64) (done int)                  { return 0 }
func charbonnierCurvature(t []float64, c, eps2 float64) (done int)              { return 0 }
func lorentzianSlope(t []float64, c float64) (done int)                         { return 0 }
func lorentzianCurvature(t []float64, c float64) (done int)                     { return 0 }

func charbonnierSum(t []float64, eps, eps2 float64) (s float64, done int) {
	done = len(t) &^ 3
	return charbonnierSumPlain(t[:done], eps, eps2), done
}
