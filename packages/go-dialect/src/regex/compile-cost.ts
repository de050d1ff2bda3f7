// Estimates the work to compile a pattern, from its text, before anything is built. Engines can take
// gigabytes and seconds for patterns that fit into a query. Go rejects patterns above 128 MB of
// instructions. Skald stops sooner, because patterns compile on the thread that serves requests.

/** Costs measured on RE2JS, in units of about a microsecond. */
const instructionCost = 5
/** Fixed cost of any pattern. */
const patternCost = 20
/** `\pL` copies a table of hundreds of ranges. Inside a class they are merged with the others. */
const propertyCost = 40
const propertyInClassCost = 100
/** Folding a range visits each of its characters, up to 125,000. */
const foldedRangeCost = 4_000

/** Returns the cost of a pattern. For an invalid pattern, the cost covers the part to parse. */
export function compileCost(pattern: string, options: { readonly anchored: boolean }): number {
  if (options.anchored && isPlainList(pattern)) return patternCost
  return patternCost + new CostReader(pattern).read()
}

/** Returns true if a pattern is a list such as `a|b|c`. Dashboards make lists of thousands. */
export function isPlainList(pattern: string): boolean {
  return /^[^\\.+*?()[\]{}^$\ufffd]*$/.test(pattern)
}

interface Group {
  /** Cost of the instructions so far. */
  total: number
  /** The part of it that a quantifier would repeat. */
  last: number
}

// Tracks the position and the open groups.
class CostReader {
  readonly #text: string
  readonly #isFolded: boolean
  readonly #outer: Group[] = []
  #group: Group = { total: 0, last: 0 }
  /** Cost of work done once, however often the part is repeated. */
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

  // A character in a class costs the same once, however large the class is.
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
    // One parenthesis too many: the pattern is invalid anyway.
    if (!outer) return
    const { total } = this.#group
    this.#group = outer
    this.#add(total)
  }

  #add(cost: number): void {
    this.#group.total += cost
    this.#group.last = cost
  }

  // The last item becomes `count` copies, each with an instruction that repeats or skips it.
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
