// The errors of this package that somebody catches. Each has a stable `code`; the texts are those of Go's packages,
// because clients match on them.

/** Says that a command line cannot be understood. */
export class FlagError extends Error {
  readonly code = 'FLAG'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FlagError'
  }
}

/** Says that a text is no RE2 pattern; the message is Go's: ``error parsing regexp: ...: `(` ``. */
export class RegexSyntaxError extends SyntaxError {
  readonly code = 'REGEX_SYNTAX'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RegexSyntaxError'
  }
}

/** Says that a text is no template: `template: line:1: unclosed action`. */
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
 * Says that a template failed on its data: `template: line:1:3: executing "line" at <div 1 0>: error
 * calling div: runtime error: integer divide by zero`.
 */
export class TemplateExecError extends Error {
  readonly code = 'TEMPLATE_EXEC'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TemplateExecError'
  }
}

/** What a function of a template throws: the message without the place, which the template adds. */
export class FunctionError extends Error {
  readonly code = 'TEMPLATE_FUNCTION'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FunctionError'
  }
}
