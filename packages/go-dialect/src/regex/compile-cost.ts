// How much work it is to compile a pattern, judged from its text before anything is built from it: the
// engines take gigabytes and seconds for patterns that fit into a query. Go refuses patterns above
// 128 MB of instructions; we stop sooner, since a pattern compiles on the thread that serves requests.

/** Largest cost of one pattern: some 50 ms on RE2JS. `x{1000}` has 6,000, plain text one a character. */
export const patternCostMax = 60_000

/** Largest cost of all patterns of a query. */
export const queryCostMax = 2 * patternCostMax

/** Costs measured on RE2JS, in steps of about a microsecond. */
const instructionCost = 5
/** Of a pattern, however short. */
const patternCost = 20
/** `\pL` copies a table of hundreds of ranges; inside of a class it is merged into the others. */
const propertyCost = 40
const propertyInClassCost = 100
/** Folding a range walks over its characters: up to 125,000 of them. */
const foldedRangeCost = 4_000

/** Counts the cost of a pattern; that of one that is not valid covers what there is to parse. */
export function compileCost(pattern: string, options: { readonly anchored: boolean }): number {
  if (options.anchored && isPlainList(pattern)) return patternCost
  return patternCost + new CostReader(pattern).read()
}

/** Tells whether a pattern is a list such as `a|b|c`; a dashboard makes them thousands long. */
export function isPlainList(pattern: string): boolean {
  return /^[^\\.+*?()[\]{}^$\ufffd]*$/.test(pattern)
}

interface Group {
  /** Cost of the instructions read so far. */
  total: number
  /** Part of it that a quantifier would repeat. */
  last: number
}

// Guarded state: the position and the groups that are open.
class CostReader {
  readonly #text: string
  readonly #isFolded: boolean
  readonly #outer: Group[] = []
  #group: Group = { total: 0, last: 0 }
  /** Cost of what is done once, however often it is repeated. */
  #once = 0
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#isFolded = /\(\?[a-zA-Z]*i/.test(text)
  }

  read(): number {
    while (this.#at < this.#text.length) this.#readItem()
    while (this.#outer.length > 0) this.#closeGroup()
    return this.#once + this.#group.total
  }

  #readItem(): void {
    const char = this.#text[this.#at]!
    switch (char) {
      case '(':
        this.#openGroup()
        return
      case ')':
        this.#at++
        this.#closeGroup()
        return
      case '|':
        this.#at++
        this.#add(1)
        this.#group.last = 0
        return
      case '[':
        this.#readClass()
        this.#add(instructionCost)
        return
      case '*':
      case '+':
      case '?':
        this.#at++
        this.#repeat(1)
        return
      case '{': {
        const count = this.#match(/\{(\d+)(?:,(\d*))?\}/y)
        if (count) this.#repeat(Number(count[2] || count[1]))
        else this.#readLiteral()
        return
      }
      case '\\':
        this.#readEscape()
        return
      case '.':
      case '^':
      case '$':
        this.#at++
        this.#add(instructionCost)
        return
      default:
        this.#readLiteral()
    }
  }

  #readLiteral(): void {
    this.#at += this.#text.codePointAt(this.#at)! > 0xffff ? 2 : 1
    this.#add(1)
  }

  #readEscape(): void {
    const quoted = this.#match(/\\Q(.*?)(?:\\E|$)/sy)
    if (quoted) {
      this.#once += quoted[1]!.length
      this.#add(1)
    } else if (this.#match(/\\[pP](?:\{[^}]{0,64}\}|.)/sy)) {
      this.#once += propertyCost
      this.#add(instructionCost)
    } else {
      this.#match(/\\x\{[0-9a-fA-F]{0,8}\}|\\.?/sy)
      this.#add(instructionCost)
    }
  }

  // Inside of a class a character counts once, however many there are of the class.
  #readClass(): void {
    this.#match(/\[\^?\]?/y)
    while (this.#at < this.#text.length && this.#text[this.#at] !== ']') {
      if (this.#match(/\\[pP](?:\{[^}]{0,64}\}|.)/sy)) this.#once += propertyInClassCost
      else if (this.#match(/\[:\^?\w+:\]/y)) this.#once += instructionCost
      else if (this.#isFolded && this.#match(/-(?:[\u0080-\uffff]|\\)/y))
        this.#once += foldedRangeCost
      else {
        this.#match(/\\.?|./sy)
        this.#once++
      }
    }
    this.#at++
  }

  #openGroup(): void {
    if (this.#match(/\(\?[a-zA-Z-]*\)/y)) {
      this.#once++
      return
    }
    this.#match(/\(\?P?<\w*>|\(\?[a-zA-Z-]*:|\(/y)
    this.#outer.push(this.#group)
    this.#group = { total: instructionCost, last: 0 }
  }

  #closeGroup(): void {
    const outer = this.#outer.pop()
    // One too many: the pattern will be refused.
    if (!outer) return
    const { total } = this.#group
    this.#group = outer
    this.#add(total)
  }

  #add(cost: number): void {
    this.#group.total += cost
    this.#group.last = cost
  }

  // The last item becomes `count` copies of itself, each with an instruction that repeats or skips it.
  #repeat(count: number): void {
    const { last } = this.#group
    const repeated = Math.max(count, 1) * (last + instructionCost)
    this.#group.total += repeated - last
    this.#group.last = repeated
  }

  #match(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at
    const match = sticky.exec(this.#text)
    if (match) this.#at = sticky.lastIndex
    return match ?? undefined
  }
}
