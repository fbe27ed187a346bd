// Singular values in float64 by a way of its own, for comparison: one-sided Jacobi (Hestenes, 1958).

export type Matrix = readonly (readonly number[])[];

/** The singular values of a matrix, largest first: its columns are turned in pairs until all are orthogonal. */
export function singularValues(matrix: Matrix): readonly number[] {
  const columns = (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] ?? 0));
  let turned = true;
  for (let sweep = 0; sweep < 30 && turned; sweep += 1) {
    turned = false;
    columns.forEach((a, first) => {
      columns.slice(first + 1).forEach((b) => {
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) return;
        turned = true;
        const slope = (bb - aa) / (2 * ab);
        const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(1, slope));
        const cosine = 1 / Math.hypot(1, tangent);
        a.forEach((x, at) => {
          const y = b[at] ?? 0;
          a[at] = cosine * (x - tangent * y);
          b[at] = cosine * (tangent * x + y);
        });
      });
    });
  }
  return columns.map((column) => Math.sqrt(dot(column, column))).sort((a, b) => b - a);
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, at) => sum + x * (b[at] ?? 0), 0);
}

export function product(a: Matrix, b: Matrix): Matrix {
  const columns = (b[0] ?? []).map((_, column) => b.map((row) => row[column] ?? 0));
  return a.map((row) => columns.map((column) => dot(row, column)));
}

/** Rows of so many numbers. */
export function rowsOf(data: ArrayLike<number>, columns: number): Matrix {
  const all = Array.from(data);
  return Array.from({ length: all.length / columns }, (_, row) =>
    all.slice(row * columns, (row + 1) * columns),
  );
}
