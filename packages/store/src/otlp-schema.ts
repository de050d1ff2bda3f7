// The schema of `limits_config.otlp_config`.

import { block, flag } from './schema-forms.ts'
import { withUnfollowed } from './settings/unfollowed.ts'

const otlpActions = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      action: { enum: ['index_label', 'structured_metadata', 'drop'] },
      attributes: { type: 'array', items: { type: 'string' } },
      regex: { type: 'string' },
    },
    required: ['action'],
    additionalProperties: false,
  },
  default: [],
} as const

/** What to do with attributes of OTLP logs. */
export const otlpSchema = {
  ...withUnfollowed(
    block({
      resource_attributes: block({
        ignore_defaults: flag('', false),
        attributes_config: otlpActions,
      }),
      scope_attributes: otlpActions,
      log_attributes: otlpActions,
    }),
    'limits_config.otlp_config',
  ),
  description:
    'What to do with attributes of OTLP logs, selected by name or regex: index_label (resource attributes only), structured_metadata or drop.',
} as const
