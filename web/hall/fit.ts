export interface Fit {
  columns: number;
  /** Side of a square cell, in pixels. */
  cell: number;
  left: number;
  top: number;
}

/** The largest square cells in which so many tiles fill an area row by row, the rows centred in it. */
export function fit(tiles: number, width: number, height: number): Fit {
  if (tiles === 0) return { columns: 1, cell: 1, left: 0, top: 0 };
  let cell = Math.max(1, Math.floor(Math.sqrt((width * height) / tiles)));
  while (cell > 1 && Math.floor(width / cell) * Math.floor(height / cell) < tiles) cell--;
  const columns = Math.max(1, Math.min(tiles, Math.floor(width / cell)));
  const rows = Math.ceil(tiles / columns);
  return { columns, cell, left: Math.floor((width - columns * cell) / 2), top: Math.max(0, Math.floor((height - rows * cell) / 2)) };
}
