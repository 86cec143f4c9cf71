package precond

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// randomSPD returns a sparse symmetric matrix with unit diagonal, diagonally dominant,
// as rows of a dense one, and its strictly lower triangle by columns.
func randomSPD(n int, density float64, seed uint64) (dense [][]float64, lower *localCSR) {
	rng := rand.New(rand.NewPCG(seed, 1))
	dense = make([][]float64, n)
	for i := range dense {
		dense[i] = make([]float64, n)
	}
	for i := range n {
		for j := range i {
			if rng.Float64() < density {
				dense[i][j] = rng.NormFloat64()
				dense[j][i] = dense[i][j]
			}
		}
	}
	most := 1.0 // the largest row sum
	for _, row := range dense {
		sum := 0.0
		for _, v := range row {
			sum += math.Abs(v)
		}
		most = max(most, sum)
	}
	for i, row := range dense {
		for j := range row {
			row[j] /= 1.1 * most
		}
		row[i] = 1
	}
	lower = newColumns(n, 0)
	for j := range n {
		for i := j + 1; i < n; i++ {
			if dense[i][j] != 0 {
				lower.push(int32(i), dense[i][j])
			}
		}
		lower.close(j)
	}
	return dense, lower
}

// plainCholesky is the textbook factorisation, on the pattern of a if asked so.
func plainCholesky(a [][]float64, pattern bool) [][]float64 {
	n := len(a)
	l := make([][]float64, n)
	for i := range n {
		l[i] = make([]float64, n)
		for j := range i + 1 {
			if pattern && a[i][j] == 0 {
				continue
			}
			s := a[i][j]
			for k := range j {
				s -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(s)
			} else {
				l[i][j] = s / l[j][j]
			}
		}
	}
	return l
}

func compareFactor(t *testing.T, what string, l *localCSR, diag []float64, want [][]float64) {
	t.Helper()
	for j := range want {
		got := make([]float64, len(want))
		got[j] = diag[j]
		rows, vals := l.row(j)
		for k, i := range rows {
			if k > 0 && rows[k-1] >= i {
				t.Fatalf("%s: column %d is unsorted: %d", what, j, rows)
			}
			got[i] = vals[k]
		}
		for i := range want {
			if math.Abs(got[i]-want[i][j]) > 1e-13 {
				t.Fatalf("%s: l[%d][%d] = %v, want %v", what, i, j, got[i], want[i][j])
			}
		}
	}
}

func TestCholeskyAgainstPlainTwins(t *testing.T) {
	for _, n := range []int{1, 2, 3, 17, 60} {
		for _, density := range []float64{0.05, 0.3, 1} {
			dense, lower := randomSPD(n, density, uint64(n))
			l, diag, err := cholesky0(lower, 0)
			if err != nil {
				t.Fatal(err)
			}
			compareFactor(t, "IC(0)", l, diag, plainCholesky(dense, true))
			for _, work := range []float64{0, 5} {
				l, diag, err = incompleteCholesky(lower, 0, float64(2*n), work)
				if err != nil {
					t.Fatal(err)
				}
				compareFactor(t, "complete Cholesky", l, diag, plainCholesky(dense, false))
			}
		}
	}
}

// TestDroppedEntriesAreEliminatedWith: with L cut to the entries of A and all the others
// in R, A = (L+R)(L+R)ᵀ − R·Rᵀ exactly, where what is known of L·Lᵀ + L·Rᵀ + R·Lᵀ are
// the entries below the diagonal and its own diagonal.
func TestDroppedEntriesAreEliminatedWith(t *testing.T) {
	const n = 25
	dense, lower := randomSPD(n, 0.2, 3)
	l, diag, err := incompleteCholesky(lower, 0, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	// The plain twin: the same columns, dense.
	lp, rp := make([][]float64, n), make([][]float64, n) // by column
	for j := range n {
		w := make([]float64, n)
		for i := j; i < n; i++ {
			w[i] = dense[i][j]
			for k := range j {
				w[i] -= lp[k][i]*lp[k][j] + lp[k][i]*rp[k][j] + rp[k][i]*lp[k][j]
			}
		}
		lp[j], rp[j] = make([]float64, n), make([]float64, n)
		d := math.Sqrt(w[j])
		lp[j][j] = d
		var set []entry
		for i := j + 1; i < n; i++ {
			set = append(set, entry{int32(i), w[i] / d})
		}
		slices.SortFunc(set, func(a, b entry) int {
			return cmp.Or(cmp.Compare(math.Abs(b.val), math.Abs(a.val)), cmp.Compare(a.col, b.col))
		})
		rows, _ := l.row(j)
		for k, e := range set {
			if k < len(rows) {
				lp[j][e.col] = e.val
			} else {
				rp[j][e.col] = e.val
			}
		}
	}
	want := make([][]float64, n)
	for i := range want {
		want[i] = make([]float64, n)
		for j := range n {
			want[i][j] = lp[j][i]
		}
	}
	compareFactor(t, "limited memory", l, diag, want)
}

func TestMemoryLimit(t *testing.T) {
	for _, fill := range []float64{0.1, 0.5, 1, 2} {
		_, lower := randomSPD(80, 0.1, 9)
		l, _, err := incompleteCholesky(lower, 0, fill, 1)
		if err != nil {
			t.Fatal(err)
		}
		limit := float64(len(lower.col)) + fill*float64(len(lower.col)+80)
		if got := float64(len(l.col)); got > limit || got < 0.9*limit {
			t.Errorf("fill %v: %v entries, limit %v", fill, got, limit)
		}
	}
}

func TestLU0AgainstPlainTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 9, 40} {
		a := newColumns(n, 0)
		dense := make([][]float64, n)
		for i := range n {
			dense[i] = make([]float64, n)
			for j := range n {
				if i == j || rng.Float64() < 0.2 {
					dense[i][j] = rng.NormFloat64()
					if i == j {
						dense[i][j] = float64(n)
					}
					a.push(int32(j), dense[i][j])
				}
			}
			a.close(i)
		}
		f, err := lu0(a, &pivotRule{})
		if err != nil {
			t.Fatal(err)
		}
		// IKJ elimination on the pattern.
		for i := range n {
			for k := range i {
				if dense[i][k] == 0 {
					continue
				}
				dense[i][k] /= dense[k][k]
				for j := k + 1; j < n; j++ {
					if dense[i][j] != 0 {
						dense[i][j] -= dense[i][k] * dense[k][j]
					}
				}
			}
		}
		for i := range n {
			got := make([]float64, n)
			c, v := f.l.row(i)
			for k, j := range c {
				got[j] = v[k]
			}
			got[i] = f.d[i]
			c, v = f.u.row(i)
			for k, j := range c {
				got[j] = v[k] * f.d[i]
			}
			for j := range n {
				if math.Abs(got[j]-dense[i][j]) > 1e-12*float64(n) {
					t.Fatalf("n = %d: entry (%d,%d) is %v, want %v", n, i, j, got[j], dense[i][j])
				}
			}
		}
	}
}

func TestSelectLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vals := rapid.SliceOfN(rapid.IntRange(-5, 5), 0, 40).Draw(t, "values")
		m := rapid.IntRange(-1, 45).Draw(t, "m")
		set := make([]entry, len(vals))
		for i, v := range vals {
			set[i] = entry{int32(i), float64(v)}
		}
		want := slices.Clone(set)
		slices.SortFunc(want, func(a, b entry) int {
			if larger(a, b) {
				return -1
			}
			return 1
		})
		selectLargest(set, m)
		k := max(0, min(m, len(set)))
		got := slices.Clone(set[:k])
		slices.SortFunc(got, func(a, b entry) int {
			if larger(a, b) {
				return -1
			}
			return 1
		})
		if !slices.Equal(got, want[:k]) {
			t.Fatalf("the %d largest of %v are %v, got %v", m, vals, want[:k], got)
		}
	})
}

// TestMatch compares with all permutations.
func TestMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		dense := make([][]float64, n)
		ptr := []int{0}
		var col []int32
		var val []float64
		for i := range n {
			dense[i] = make([]float64, n)
			for j := range n {
				if v := rapid.Float64Range(-8, 8).Draw(t, "entry"); math.Abs(v) > 3 {
					dense[i][j] = math.Copysign(math.Exp(math.Abs(v)), v)
					col, val = append(col, int32(j)), append(val, dense[i][j])
				}
			}
			ptr = append(ptr, len(col))
		}
		best := 0.0
		var try func(row int, used uint, product float64)
		try = func(row int, used uint, product float64) {
			if row == n {
				best = max(best, product)
				return
			}
			for j := range n {
				if used>>j&1 == 0 && dense[row][j] != 0 {
					try(row+1, used|1<<j, product*math.Abs(dense[row][j]))
				}
			}
		}
		try(0, 0, 1)
		perm, dr, dc, err := match(ptr, col, val)
		if (err != nil) != (best == 0) {
			t.Fatalf("largest product %v, error %v", best, err)
		}
		if err != nil {
			return
		}
		product, seen := 1.0, make([]bool, n)
		for j, i := range perm {
			if seen[i] {
				t.Fatalf("not a permutation: %d", perm)
			}
			seen[i] = true
			product *= math.Abs(dense[i][j])
			if v := math.Abs(dr[i] * dense[i][j] * dc[j]); math.Abs(v-1) > 1e-12 {
				t.Fatalf("scaled diagonal entry %d is %v", j, v)
			}
		}
		if math.Abs(product-best) > 1e-12*best {
			t.Fatalf("product %v, the largest is %v", product, best)
		}
		for i := range n {
			for j := range n {
				if v := math.Abs(dr[i] * dense[i][j] * dc[j]); v > 1+1e-12 {
					t.Fatalf("scaled entry (%d,%d) is %v", i, j, v)
				}
			}
		}
	})
}

// TestReverseCuthillMcKee: a path with shuffled rows becomes a path again; components
// and single rows are all met.
func TestReverseCuthillMcKee(t *testing.T) {
	const n = 101
	rng := rand.New(rand.NewPCG(7, 7))
	name := rng.Perm(n)
	adj := make([][]int32, n+3)
	link := func(a, b int) {
		adj[a], adj[b] = append(adj[a], int32(b)), append(adj[b], int32(a))
	}
	for i := range n - 1 {
		if i != 40 { // two components; n … n+2 are single
			link(name[i], name[i+1])
		}
	}
	g := graph{ptr: []int{0}}
	for _, a := range adj {
		slices.Sort(a)
		g.col = append(g.col, a...)
		g.ptr = append(g.ptr, len(g.col))
	}
	order := reverseCuthillMcKee(g)
	sorted := slices.Sorted(slices.Values(order))
	for i, v := range sorted {
		if int(v) != i {
			t.Fatalf("not a permutation: %d", order)
		}
	}
	if p := g.profile(order); p != n-2 {
		t.Errorf("the profile of two paths is %d, want %d", p, n-2)
	}
	if p := g.profile(nil); p < 10*n {
		t.Errorf("the profile of shuffled paths is %d", p)
	}
}

// TestSymmetrised compares with the definition.
func TestSymmetrised(t *testing.T) {
	g := graph{ptr: []int{0, 2, 3, 3, 5}, col: []int32{1, 3, 1, 0, 2}}
	got := g.symmetrised()
	want := [][]int32{{1, 3}, {0, 1}, {3}, {0, 2}}
	for i, w := range want {
		if !slices.Equal(got.row(int32(i)), w) {
			t.Errorf("row %d: %d, want %d", i, got.row(int32(i)), w)
		}
	}
}
