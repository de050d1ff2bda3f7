// Comparisons of numbers, in label filters and between samples.

export type CompareOp = '==' | '!=' | '>' | '>=' | '<' | '<='

/** Compares two numbers by a comparison operator. */
export function compareNumbers(op: CompareOp, left: number, right: number): boolean {
  switch (op) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '<':
      return left < right
    case '<=':
      return left <= right
  }
}
