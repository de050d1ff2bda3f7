// Names of segment objects: `<sequence, 16 digits>-<level>.seg`, so that a listing sorts by age.

const pattern = /^(\d{16})-(\d+)\.seg$/

/** Makes the name of a segment; `sequence` is never used twice. */
export function segmentName(sequence: number, level: number): string {
  return `${String(sequence).padStart(16, '0')}-${level}.seg`
}

/** Reads a name; `undefined` for an object that is no segment. */
export function parseSegmentName(name: string): { sequence: number; level: number } | undefined {
  const match = pattern.exec(name)
  return match ? { sequence: Number(match[1]), level: Number(match[2]) } : undefined
}
