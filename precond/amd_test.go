package precond

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// eliminate returns how many entries L has below the diagonal, by elimination on a
// dense pattern.
func eliminate(g graph, order []int32) (entries int) {
	n := len(order)
	full := make([][]bool, n)
	place := placesOf(n, order)
	for k := range full {
		full[k] = make([]bool, n)
	}
	for i := range int32(n) {
		for _, j := range g.row(i) {
			full[place[i]][place[j]] = true
		}
	}
	for k := range n {
		for i := k + 1; i < n; i++ {
			if !full[i][k] {
				continue
			}
			entries++
			for j := k + 1; j < n; j++ {
				full[i][j] = full[i][j] || full[k][j]
			}
		}
	}
	return entries
}

// randomGraph returns a symmetric graph with the diagonal, each edge with
// probability p.
func randomGraph(n int, p float64, seed uint64) graph {
	rng := rand.New(rand.NewPCG(seed, 1))
	adj := make([][]int32, n)
	for i := range n {
		adj[i] = append(adj[i], int32(i))
		for j := range i {
			if rng.Float64() < p {
				adj[i], adj[j] = append(adj[i], int32(j)), append(adj[j], int32(i))
			}
		}
	}
	g := graph{ptr: make([]int, n+1)}
	for i, row := range adj {
		slices.Sort(row)
		g.col = append(g.col, row...)
		g.ptr[i+1] = len(g.col)
	}
	return g
}

func gridGraph(t testing.TB, shape ...int) graph {
	s, err := hvp.NewStencil(1, 0, shape...)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	ptr, col, _ := a.RawCSR()
	return graph{ptr, col}
}

// TestMinimumDegree: the result is an order of all rows, the elimination tree
// counts what an elimination counts, postorder changes nothing, and the fill is far
// from that of a random order.
func TestMinimumDegree(t *testing.T) {
	graphs := map[string]graph{
		"empty": {ptr: []int{0}}, "one": gridGraph(t, 1), "path": gridGraph(t, 100), "grid": gridGraph(t, 12, 13), "cube": gridGraph(t, 5, 6, 7),
		"full": randomGraph(30, 1, 1), "diagonal": randomGraph(30, 0, 1),
	}
	for seed := range uint64(20) {
		graphs["random"+string(rune('a'+seed))] = randomGraph(10+int(seed)*4, 0.02+0.01*float64(seed%5), seed)
	}
	star := graph{ptr: []int{0}} // a path, each of whose points is next to row 0: dense
	const points = 200
	for i := range int32(points) {
		row := []int32{0}
		for j := max(1, i-1); j <= min(points-1, i+1); j++ {
			row = append(row, j)
		}
		if i == 0 {
			row = row[:0]
			for j := range int32(points) {
				row = append(row, j)
			}
		}
		star.col = append(star.col, row...)
		star.ptr = append(star.ptr, len(star.col))
	}
	graphs["star"] = star
	for name, g := range graphs {
		n := len(g.ptr) - 1
		order, ok := approximateMinimumDegree(g, 0)
		if sorted := slices.Sorted(slices.Values(order)); !ok || len(sorted) != n || len(slices.Compact(sorted)) != n {
			t.Fatalf("%s: %v is no order of %d rows", name, order, n)
		}
		want := eliminate(g, order)
		place := placesOf(n, order)
		counts, entries, ok := fill(g, order, place, eliminationTree(g, order, place), 1<<30)
		total := 0
		for _, c := range counts {
			total += c
		}
		if total != want || entries != want+n || !ok {
			t.Errorf("%s: the tree counts %d entries, elimination %d", name, total, want)
		}
		if n > 0 {
			if _, _, ok := fill(g, order, place, eliminationTree(g, order, place), entries-1); ok {
				t.Errorf("%s: fill does not stop", name)
			}
		}
		post, parent, counts, _, ok := minimumDegreePlan(g, 1<<30)
		total = 0
		for k, c := range counts {
			total += c
			if p := parent[k]; p != none && p <= int32(k) {
				t.Errorf("%s: the parent of %d is %d", name, k, p)
			}
		}
		if !ok || total != want || eliminate(g, post) != want {
			t.Errorf("%s: postorder has %d entries, the order %d", name, total, want)
		}
		if _, _, _, _, ok := minimumDegreePlan(g, total+n-1); ok && n > 0 {
			t.Errorf("%s: more entries than allowed", name)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		any := make([]int32, n)
		for k, i := range rng.Perm(n) {
			any[k] = int32(i)
		}
		if other := eliminate(g, any); want > other {
			t.Errorf("%s: %d entries, a random order %d", name, want, other)
		}
	}
	// Graphs whose L need have no fill: a tree, and a star of paths.
	for _, name := range []string{"path", "star", "diagonal"} {
		g := graphs[name]
		order, _ := approximateMinimumDegree(g, 0)
		if got, lower := eliminate(g, order), (len(g.col)-len(g.ptr)+1)/2; got != lower {
			t.Errorf("%s: %d entries, without fill %d", name, got, lower)
		}
	}
}
