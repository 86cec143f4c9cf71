package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// autoStudy lists systems for hgbench precond and the kinds that are worth a try on
// each; auto and jacobi are added. Folders of data begin with data:.
var autoStudy = func() (list []struct{ args, kinds string }) {
	add := func(kinds, format string, args ...any) {
		list = append(list, struct{ args, kinds string }{fmt.Sprintf(format, args...), kinds})
	}
	for _, set := range []string{"mushrooms", "a9a", "farm_ads"} {
		for _, w := range []string{"-4", "0", "4"} {
			for _, one := range []string{"", " -per-feature"} {
				add("none,ridge,cholesky,nystrom", "-problem logistic%s -w %s -train data:libsvm/%s.svm.gz -val data:libsvm/%s.svm.gz", one, w, set, set)
			}
		}
	}
	for _, size := range []int{64, 256, 512} {
		for _, w := range []string{"-1", "1.3", "3"} {
			add("none,grid-ic,chebyshev,multigrid", "-problem denoise -size %d -w %s", size, w)
		}
	}
	for _, grid := range []string{"2d:60", "2d:250", "2d:700", "3d:20", "3d:60"} {
		for _, w := range []string{"-2", "2", "6"} {
			add("none,chebyshev,multigrid,amg,ic", "-problem smoothing -modes 1000 -grid %s -w %s", grid, w)
		}
		for _, shift := range []string{"0", "0.05", "1"} {
			add("none,ic0,ic,amg,cholesky", "-stencil %s -shift %s -rhs random:1", grid, shift)
			add("none,chebyshev,multigrid", "-stencil %s -shift %s -operator matrix-free -rhs random:1", grid, shift)
		}
	}
	for _, cond := range []string{"10", "1e3", "1e5"} {
		add("none,chebyshev", "-problem quadratic -n 20000 -cond %s", cond)
	}
	for _, name := range []string{
		"bcsstk01", "bcsstk02", "bcsstk14", "1138_bus", "nos3", "nos5", "gr_30_30", "wathen_7400", "xpetra_A_13366", "pyamg_bar",
		"pyamg_ldg_diffusion", "maxwell_M1_3630",
	} {
		add("none,ic0,ic,amg,cholesky", "-spd -rhs random:1 -matrix data:matrices/%s.mtx.gz", name)
	}
	for _, name := range []string{"orsirr_1", "sherman5", "west0479", "fs_183_6", "cage10", "epb0", "olm1000", "tumorAntiAngiogenesis_2"} {
		add("none,ilu0,ilut", "-rhs random:1 -matrix data:matrices/%s.mtx.gz", name)
	}
	return list
}()

// BenchmarkAuto compares the total time, set-up and solve, of precond.Auto with those of
// the best kind and of Jacobi, each as the median of rounds in which all take turns,
// by hgbench precond.
func BenchmarkAuto(b *testing.B) {
	data := filepath.Join("..", "..", "..", "shared", "data") + string(filepath.Separator)
	for _, s := range autoStudy {
		title := strings.NewReplacer("data:libsvm/", "", "data:matrices/", "").Replace(s.args) // no levels
		b.Run(title, func(b *testing.B) {
			args := strings.Fields("precond -quiet -rounds 5 -maxtime 20 -rtol 1e-8 -format json -kinds jacobi,auto," + s.kinds + " " + s.args)
			for i, a := range args {
				if name, is := strings.CutPrefix(a, "data:"); is {
					args[i] = filepath.FromSlash(data + name)
					if _, err := os.Stat(args[i]); err != nil {
						b.Skip(err)
					}
				}
			}
			var rep precondReport
			for b.Loop() {
				var out, errs bytes.Buffer
				if run(b.Context(), &out, &errs, args) == 2 {
					b.Fatal(errs.String())
				}
				if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
					b.Fatalf("%v: %s", err, errs.String())
				}
			}
			var auto, jacobi, best *precondRow
			for _, r := range rep.Rows {
				switch {
				case !r.Converged:
					continue
				case r.Kind == "auto":
					auto = r
				case r.Kind == "jacobi":
					jacobi = r
				}
				if r.Kind != "auto" && (best == nil || r.Total < best.Total) {
					best = r
				}
			}
			b.ReportMetric(0, "ns/op")
			if auto == nil || best == nil {
				b.Log("nothing converged, or not the automatic choice")
				return
			}
			b.ReportMetric(auto.Total/best.Total, "auto/best")
			line := fmt.Sprintf("%s, %d iterations, %.2f ms = %.2f × %s", auto.Name, auto.Iterations, 1e3*auto.Total, auto.Total/best.Total, best.Kind)
			if jacobi != nil {
				b.ReportMetric(auto.Total/jacobi.Total, "auto/jacobi")
				line += fmt.Sprintf(" = %.2f × jacobi, %d iterations", auto.Total/jacobi.Total, jacobi.Iterations)
			}
			b.Log(line)
		})
	}
}
