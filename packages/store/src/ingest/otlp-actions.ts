// Compiles a tenant's `otlp_config`: which attributes of OTLP logs become labels, become metadata
// or are dropped. The first rule that names an attribute decides; all others become metadata.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import { defaultOtlpLabelAttributes, type OtlpAction, type OtlpMapping } from '@skald/wire'

/**
 * A configured rule. It selects attributes by name or by an expression that must match the whole
 * name.
 */
export interface OtlpRule {
  readonly action: OtlpAction
  readonly attributes?: readonly string[]
  readonly regex?: string
}

/** The block `otlp_config`. */
export interface OtlpConfig {
  readonly resource_attributes: {
    readonly ignore_defaults: boolean
    readonly attributes_config: readonly OtlpRule[]
  }
  readonly scope_attributes: readonly OtlpRule[]
  readonly log_attributes: readonly OtlpRule[]
}

export interface OtlpMappingOptions {
  /** Labels to take `service_name` from, best first. */
  readonly serviceNameLabels: readonly string[]
  /** Called for each mistake in the rules. */
  readonly report: (message: string) => void
}

/** Compiles a configuration into a mapping. */
export function createOtlpMapping(config: OtlpConfig, options: OtlpMappingOptions): OtlpMapping {
  const { serviceNameLabels, report } = options
  const { ignore_defaults: ignoreDefaults, attributes_config: ofResource } =
    config.resource_attributes
  const defaults: OtlpRule = { action: 'index_label', attributes: defaultOtlpLabelAttributes }
  for (const key of ['scope_attributes', 'log_attributes'] as const) {
    if (config[key].some(({ action }) => action === 'index_label')) {
      report(`${key}: only resource_attributes can have the action index_label`)
    }
  }
  return {
    resource: compileRules(ignoreDefaults ? ofResource : [defaults, ...ofResource], report),
    scope: compileRules(config.scope_attributes, report),
    record: compileRules(config.log_attributes, report),
    serviceNameLabels,
  }
}

function compileRules(
  rules: readonly OtlpRule[],
  report: (message: string) => void,
): (name: string) => OtlpAction {
  const compiled = rules.map(rule => ({ action: rule.action, names: compileNames(rule, report) }))
  return name => compiled.find(({ names }) => names(name))?.action ?? 'structured_metadata'
}

function compileNames(
  { attributes = [], regex }: OtlpRule,
  report: (message: string) => void,
): (name: string) => boolean {
  if (regex !== undefined && attributes.length > 0) {
    report('a rule has either attributes or a regex, not both')
  }
  if (regex === undefined) {
    if (attributes.length === 0) report('a rule needs attributes or a regex')
    const names = new Set(attributes)
    return name => names.has(name)
  }
  try {
    const pattern = compileRegex(regex, { anchored: true })
    return name => pattern.test(name)
  } catch (error) {
    report((error as Error).message)
    return () => false
  }
}
