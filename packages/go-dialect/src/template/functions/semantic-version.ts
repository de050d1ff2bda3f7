// Functions of semantic versions: one row each. Versions may lack parts (`1.2`) and begin with `v`.

// The classes alone: the package's index loads 48 files.
import Range from 'semver/classes/range.js'
import SemVer from 'semver/classes/semver.js'
import { FunctionError } from '../../errors.ts'
import { fn } from '../function.ts'
import type { GoObject, Value } from '../values.ts'

export const semanticVersionFunctions = {
  semver: fn(['string'], text => new Version(parseVersion(text), text)),
  semverCompare: fn(['string', 'string'], (constraint, text) => {
    const alternatives = parseConstraint(constraint)
    const version = parseVersion(text)
    return alternatives.some(terms => terms.every(term => satisfies(version, term)))
  }),
}

const versionMethods = {
  Major: fn(['any'], version => partsOf(version).major),
  Minor: fn(['any'], version => partsOf(version).minor),
  Patch: fn(['any'], version => partsOf(version).patch),
  Prerelease: fn(['any'], version => partsOf(version).prerelease),
  Metadata: fn(['any'], version => partsOf(version).metadata),
  Original: fn(['any'], version => partsOf(version).original),
  String: fn(['any'], version => String(version)),
}

/** A version with the methods that Go's semver package gives it. */
class Version implements GoObject {
  readonly typeName = '*semver.Version'
  readonly methods = versionMethods
  readonly major: bigint
  readonly minor: bigint
  readonly patch: bigint
  readonly prerelease: string
  readonly metadata: string
  readonly original: string

  constructor(version: SemVer, original: string) {
    this.major = BigInt(version.major)
    this.minor = BigInt(version.minor)
    this.patch = BigInt(version.patch)
    this.prerelease = version.prerelease.join('.')
    this.metadata = version.build.join('.')
    this.original = original
  }

  toString(): string {
    const core = `${this.major}.${this.minor}.${this.patch}`
    return (
      core + (this.prerelease && `-${this.prerelease}`) + (this.metadata && `+${this.metadata}`)
    )
  }
}

function partsOf(value: Value): Version {
  return value as Version
}

const versionPattern = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[\dA-Za-z.-]+)?(\+[\dA-Za-z.-]+)?$/

function parseVersion(text: string): SemVer {
  const match = versionPattern.exec(text)
  if (!match) throw new FunctionError('Invalid Semantic Version')
  const [, major, minor = '0', patch = '0', prerelease = '', build = ''] = match
  try {
    return new SemVer(`${Number(major)}.${Number(minor)}.${Number(patch)}${prerelease}${build}`)
  } catch (error) {
    throw new FunctionError('Invalid Semantic Version', { cause: error })
  }
}

/** One condition of a constraint. */
interface Term {
  readonly range: Range
  readonly isNegated: boolean
  readonly hasPrerelease: boolean
}

const termPattern =
  /(?:[v\d.xX*]+(?:-[\dA-Za-z.-]+)?\s+-\s+[v\d.xX*]+(?:-[\dA-Za-z.-]+)?)|(?:=>|=<|>=|<=|!=|~>|[=<>~^])?\s*v?[\dxX*][^\s,]*/g

/** Cuts a constraint into alternatives (`||`) of terms that must all hold (`,` or a space). */
function parseConstraint(text: string): Term[][] {
  return text.split('||').map(alternative => {
    const terms = alternative.match(termPattern) ?? []
    const rest = alternative.replace(termPattern, '').replace(/[\s,]/g, '')
    if (terms.length === 0 || rest !== '') throw improper(text)
    return terms.map(term => parseTerm(term, text))
  })
}

function parseTerm(term: string, constraint: string): Term {
  const isNegated = term.startsWith('!=')
  const plain = term.replace(/^!=/, '=').replace(/^=>/, '>=').replace(/^=</, '<=')
  try {
    return {
      range: new Range(plain, { includePrerelease: true }),
      isNegated,
      hasPrerelease: /\d-[\dA-Za-z]/.test(plain),
    }
  } catch (error) {
    throw improper(constraint, error)
  }
}

function improper(constraint: string, cause?: unknown): FunctionError {
  return new FunctionError(`improper constraint: ${constraint}`, { cause })
}

/** A term without a prerelease holds for no version that has one. */
function satisfies(version: SemVer, { range, isNegated, hasPrerelease }: Term): boolean {
  if (version.prerelease.length > 0 && !hasPrerelease) return false
  return range.test(version) !== isNegated
}
