// The errors of this package that callers catch. Each has a stable `code`. The texts are those of
// Go's packages, because clients match on them.

/** Thrown when a command line cannot be parsed. */
export class FlagError extends Error {
  readonly code = 'FLAG'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FlagError'
  }
}

/** Thrown when a text is not an RE2 pattern. The message is Go's: ``error parsing regexp: ...: `(` ``. */
export class RegexSyntaxError extends SyntaxError {
  readonly code = 'REGEX_SYNTAX'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RegexSyntaxError'
  }
}

/** Thrown when a text is not a template: `template: line:1: unclosed action`. */
export class TemplateSyntaxError extends SyntaxError {
  readonly code = 'TEMPLATE_SYNTAX'
  /** Line of the template, from 1. */
  readonly line: number

  constructor(message: string, line: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TemplateSyntaxError'
    this.line = line
  }
}

/**
 * Thrown when a template fails on its data: `template: line:1:3: executing "line" at <div 1 0>: error
 * calling div: runtime error: integer divide by zero`.
 */
export class TemplateExecError extends Error {
  readonly code = 'TEMPLATE_EXEC'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TemplateExecError'
  }
}

/** Thrown by template functions. The message has no position; the template adds it. */
export class FunctionError extends Error {
  readonly code = 'TEMPLATE_FUNCTION'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FunctionError'
  }
}
