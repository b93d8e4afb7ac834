"""Which regime am I in: learning curves of designs, asked for here and read back as plain values.

A *design* is a way to spend labels: keep a frozen backbone, train CS models, train one global
model, or combine them. The job `curves` (`regime_runs`) trains linear heads on cached embeddings,
for several splits and seeds, and judges all designs on references that nobody trained on.

`get_curves(ws, job_id)` gives a dictionary of plain values. Shares are 0..1 and never per cent;
None stands where nothing could be computed. Bootstrap draws are shared by everything in it, so all
differences are paired. "labels" are triples that were trained on.

- `id`, `name`, `state` (as of the job), `stale` (why it no longer speaks of the present, or "");
  where the job is not done: also `progress`, `message`, `error`, and nothing of what follows.
- `version`: 1.
- `data`: `clusters`, `validation`, `test` (names; empty where references were held out),
  `backbones` (names), `splits`, `seeds`, `references` (distinct held-out ones, the sampling units),
  `triples` (held-out ones summed over the splits), `validation_labels` (mean over splits),
  `credit` ("soft" or "strict"), `level` (of all intervals), `looks` (by name of test cluster: how
  often it was opened, this time included), `leakage` (sentences), `human` (ceiling, or None).
- `designs`: list of `name`, `title` (a sentence), `members` (groups: "frozen", "CS", "global"),
  `uses_validation` (whether validation answers choose or weigh), `labels_from` ("none",
  "training", "training and validation": what its parts are trained on).
- `cells`: list, one per (clusters, share of each cluster's pages): `clusters`, `share`, `labels`
  (mean over splits), `pages` (likewise), and `accuracy`, `low`, `high`: by design name; `splits`:
  by design name the accuracy in each split.
- `axes`: list of two at most, "clusters" (all labels of each cluster, more and more clusters) and
  "labels" (the most clusters, more and more labels of each; absent where only one share was asked
  for). Each has `key`, `title`, `fixed` (what does not change, in words), and
  - `sizes`: list of `clusters`, `share`, `labels`, rising;
  - `curves`: by design name: `accuracy`, `low`, `high`: a list each, in the order of `sizes`;
  - `differences`: list of `design`, `anchor`, and `difference`, `low`, `high`, `p` (sign flips):
    lists in the order of `sizes`; anchors are the best frozen and the best global model;
  - `leaders`: in the order of `sizes`: `leader`, `tied` (names that cannot be told from it);
  - `crossings`: list of `one`, `other`, `labels`, `low`, `high` (of the labels), `clusters` (the
    same place on the clusters axis, else None), `known` (share of the bootstrap samples in which
    they cross), `text` (a sentence, also where none was seen): from there on `other` is at least
    as good as `one`;
  - `next`: by design name: `labels` (how many more), `gain`, `low`, `high`: an extrapolation.
- `budgets`: list of `text`, `few`, `many`: equally many labels spent on few clusters with all
  their labels or on many with a part of them; `few` and `many` are positions in `cells`;
  `design`, `difference` (many minus few), `low`, `high`.
- `tables`: by number of clusters (text): a comparison of all strategies and members as of
  `Comparison.to_dict()` (`cssim.evaluation.report`): intervals, paired differences, tie groups.
- `ablations`, all at the most clusters with all labels:
  - `ranking`: list of `group` ("CS", "global"), `members`, `distance` (mean accuracy of its members
    when they answer by the embedding's distance), `ranking` (by the ranking block), `difference`
    (ranking minus distance), `low`, `high`, `p`;
  - `members`: list of `member` (a group that was left out of the last design, the rest fitted
    again), `accuracy`, `difference`, `low`, `high`, `p_holm`.
- `verdict`: `prefer`: list, one for each number of clusters: `clusters`, `labels`, `design`,
  `text`; `text`: a list of plain sentences, the first is the answer; `family`: "context-sensitive",
  "global", "both" or "frozen": what kind the preferred design at the most clusters is.
- `notes`: what a reader must know, in sentences. `fingerprints`: what went in, by name.
- `seconds`, `runs` (heads trained), `reused` (taken from an interrupted attempt).
"""
