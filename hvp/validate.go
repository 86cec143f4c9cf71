package hvp

import (
	"fmt"
	"math"
)

// checkPart returns an error if an operator given as part of another is nil.
func checkPart(what string, a Operator) error {
	if a == nil {
		return fmt.Errorf("hvp: %s: the operator is nil", what)
	}
	return nil
}

// checkFinite returns an error that names the first NaN or Inf of v.
func checkFinite(what string, v []float64) error {
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("hvp: %s: element %d is %v", what, i, x)
		}
	}
	return nil
}
