/** Every stage, those without a meter too. */
import type { CampaignReport, HeadFigures } from '../model/campaign-report.js';
import type { Table } from './table.js';

type StageName = keyof HeadFigures['stages'];

const ORDER: readonly StageName[] = [
  'out-of-scope',
  'waiting',
  'scheduled',
  'released',
  'installed',
  'parked',
  'done',
  'failed',
  'exempt',
];

export function stagesTable({ head: { stages } }: CampaignReport): Table<StageName> {
  return {
    id: 'stages',
    caption: 'Meters by stage',
    rows: ORDER,
    columns: [
      { key: 'stage', head: 'stage', value: (stage) => stage },
      { key: 'meters', head: 'meters', value: (stage) => stages[stage] },
    ],
  };
}
