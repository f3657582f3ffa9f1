/** Event lines of the log, counted from 0: from `from` on, up to but not including `to`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}
