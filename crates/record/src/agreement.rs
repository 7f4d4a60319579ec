//! How far people agree who looked at the same candidates without seeing each other's verdicts.
//!
//! Cohen's kappa is the agreement beyond what chance would give: `(observed - expected) / (1 - expected)`, where
//! `expected` comes from how often each of the two uses each class (J. Cohen, "A coefficient of agreement for nominal
//! scales", Educational and Psychological Measurement 20, 1960). It is told for all classes together and for
//! each class against the rest.

use std::collections::{BTreeMap, BTreeSet};

use geo::{BooleanOps, Polygon};
use serde::Serialize;

use crate::{
    antimeridian, geojson,
    id::{CandidateId, ComparisonId},
    review::Verdict,
};

/// What one person said of a candidate without sight of another's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// Who.
    pub person: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The structure type, where a confirmation names one.
    pub structure_type: Option<String>,
    /// The outline that a confirmation stands for.
    pub outline: Polygon<f64>,
}

/// Two opinions on one candidate, in the order in which they were given.
#[derive(Clone, Debug, PartialEq)]
pub struct OpinionPair {
    /// The candidate.
    pub candidate: CandidateId,
    /// The comparison that found it.
    pub comparison: ComparisonId,
    /// The first person's.
    pub first: Opinion,
    /// The second person's.
    pub second: Opinion,
}

/// Agreement on one question with several answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kappa {
    /// How many candidates both answered for.
    pub candidates: usize,
    /// Share with the same answer, 0 to 1; `None` without candidates.
    pub observed: Option<f64>,
    /// Share that chance alone would give, 0 to 1.
    pub expected: Option<f64>,
    /// Cohen's kappa, -1 to 1; `None` where chance alone gives full agreement.
    pub kappa: Option<f64>,
}

/// Agreement on one answer against all others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassAgreement {
    /// The answer, such as `confirm` or `warehouse`.
    pub class: String,
    /// How often the first person gave it.
    pub first: usize,
    /// How often the second person gave it.
    pub second: usize,
    /// How often both did.
    pub both: usize,
    /// Cohen's kappa of this answer against the rest.
    pub kappa: Option<f64>,
}

/// Agreement on a question, whole and by answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionAgreement {
    /// All answers together.
    #[serde(flatten)]
    pub all: Kappa,
    /// Each answer against the rest, by name.
    pub classes: Vec<ClassAgreement>,
}

/// How well two outlines cover each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutlineAgreement {
    /// The candidate.
    pub candidate: CandidateId,
    /// The comparison that found it.
    pub comparison: ComparisonId,
    /// The structure type that both named; `None` where they named two or one of them none.
    pub structure_type: Option<String>,
    /// Area of both over area of either, 0 to 1.
    pub iou: f64,
}

/// Agreement of two people by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeopleAgreement {
    /// The two, by name.
    pub people: [String; 2],
    /// On the verdict.
    #[serde(flatten)]
    pub verdicts: Kappa,
}

/// Agreement of those who looked at the same candidates independently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// On the verdict.
    pub verdicts: QuestionAgreement,
    /// On the structure type, where both confirmed and named one.
    pub structure_types: QuestionAgreement,
    /// On the outline, where both confirmed.
    pub outlines: Vec<OutlineAgreement>,
    /// Mean of the IoU of the outlines.
    pub iou_mean: Option<f64>,
    /// On the verdict, for each two people.
    pub people: Vec<PeopleAgreement>,
}

/// Agreement over pairs of opinions.
pub fn agreement(pairs: &[OpinionPair]) -> Agreement {
    let verdicts: Vec<_> =
        pairs.iter().map(|pair| (word(pair.first.verdict), word(pair.second.verdict))).collect();
    let confirmed: Vec<_> = pairs.iter().filter(|pair| both_confirm(pair)).collect();
    let types: Vec<_> = confirmed
        .iter()
        .filter_map(|pair| pair.first.structure_type.clone().zip(pair.second.structure_type.clone()))
        .collect();
    let outlines: Vec<_> = confirmed
        .iter()
        .map(|pair| OutlineAgreement {
            candidate: pair.candidate.clone(),
            comparison: pair.comparison.clone(),
            structure_type: pair
                .first
                .structure_type
                .clone()
                .filter(|named| pair.second.structure_type.as_ref() == Some(named)),
            iou: iou(&pair.first.outline, &pair.second.outline),
        })
        .collect();
    Agreement {
        verdicts: question(&verdicts),
        structure_types: question(&types),
        iou_mean: mean(outlines.iter().map(|outline| outline.iou)),
        outlines,
        people: people(pairs),
    }
}

fn both_confirm(pair: &OpinionPair) -> bool {
    pair.first.verdict == Verdict::Confirm && pair.second.verdict == Verdict::Confirm
}

fn word(verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Confirm => "confirm",
        Verdict::Reject => "reject",
        Verdict::Unsure => "unsure",
        Verdict::BadImagery => "bad-imagery",
    };
    word.to_owned()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

fn people(pairs: &[OpinionPair]) -> Vec<PeopleAgreement> {
    let mut by_people: BTreeMap<[String; 2], Vec<(String, String)>> = BTreeMap::new();
    for pair in pairs {
        let mut two = [&pair.first, &pair.second];
        two.sort_by(|a, b| a.person.cmp(&b.person));
        let names = two.map(|opinion| opinion.person.clone());
        by_people.entry(names).or_default().push((word(two[0].verdict), word(two[1].verdict)));
    }
    by_people
        .into_iter()
        .map(|(people, answers)| PeopleAgreement { people, verdicts: cohens_kappa(&answers) })
        .collect()
}

fn question(answers: &[(String, String)]) -> QuestionAgreement {
    let names: BTreeSet<&String> = answers.iter().flat_map(|(first, second)| [first, second]).collect();
    let classes = names
        .into_iter()
        .map(|class| {
            let is_class: Vec<_> =
                answers.iter().map(|(first, second)| (first == class, second == class)).collect();
            ClassAgreement {
                class: class.clone(),
                first: is_class.iter().filter(|(first, _)| *first).count(),
                second: is_class.iter().filter(|(_, second)| *second).count(),
                both: is_class.iter().filter(|(first, second)| *first && *second).count(),
                kappa: cohens_kappa(&is_class).kappa,
            }
        })
        .collect();
    QuestionAgreement { all: cohens_kappa(answers), classes }
}

/// Cohen's kappa of two people's answers to the same questions.
///
/// ```
/// # use record::agreement::cohens_kappa;
/// // of 50 questions both say yes to 20 and no to 15: observed 0.7, expected 0.5
/// let counts = [(("yes", "yes"), 20), (("yes", "no"), 5), (("no", "yes"), 10), (("no", "no"), 15)];
/// let answers: Vec<_> = counts.iter().flat_map(|(pair, count)| vec![*pair; *count]).collect();
/// assert!((cohens_kappa(&answers).kappa.unwrap() - 0.4).abs() < 1e-12);
/// ```
pub fn cohens_kappa<Class: Ord>(answers: &[(Class, Class)]) -> Kappa {
    let candidates = answers.len();
    if candidates == 0 {
        return Kappa { candidates, observed: None, expected: None, kappa: None };
    }
    let count = candidates as f64;
    let agreed = answers.iter().filter(|(first, second)| first == second).count();
    let mut uses: BTreeMap<&Class, [usize; 2]> = BTreeMap::new();
    for (first, second) in answers {
        uses.entry(first).or_default()[0] += 1;
        uses.entry(second).or_default()[1] += 1;
    }
    let observed = agreed as f64 / count;
    let by_chance: usize = uses.values().map(|[first, second]| first * second).sum();
    let expected = by_chance as f64 / (count * count);
    // with one class alone chance explains everything; counted in whole numbers, so that it is exact
    let kappa = (by_chance != candidates * candidates).then(|| (observed - expected) / (1.0 - expected));
    Kappa { candidates, observed: Some(observed), expected: Some(expected), kappa }
}

/// Area of both outlines over area of either, geodesic, 0 to 1.
pub fn iou(a: &Polygon<f64>, b: &Polygon<f64>) -> f64 {
    let shared = a.intersection(&antimeridian::beside(a, b));
    let shared: f64 = shared.iter().map(geojson::geodesic_area_m2).sum();
    let either = geojson::geodesic_area_m2(a) + geojson::geodesic_area_m2(b) - shared;
    if either > 0.0 { (shared / either).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use geo::polygon;

    use super::*;

    /// A square of 0.001 degrees, so many thousandths east of 127.6.
    fn square(east: f64) -> Polygon<f64> {
        let (west, south) = (127.6 + east * 0.001, 39.9);
        let (east, north) = (west + 0.001, south + 0.001);
        polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north), (x: west, y: south)]
    }

    fn pair(
        first: (&str, Verdict, Option<&str>),
        second: (&str, Verdict, Option<&str>),
        shift: f64,
    ) -> OpinionPair {
        let opinion = |(person, verdict, structure_type): (&str, Verdict, Option<&str>), east: f64| Opinion {
            person: person.to_owned(),
            verdict,
            structure_type: structure_type.map(str::to_owned),
            outline: square(east),
        };
        OpinionPair {
            candidate: CandidateId("c".to_owned()),
            comparison: ComparisonId("k".to_owned()),
            first: opinion(first, 0.0),
            second: opinion(second, shift),
        }
    }

    fn near(got: Option<f64>, wanted: f64) {
        let got = got.expect("there is a number");
        assert!((got - wanted).abs() < 1e-6, "{got} is not {wanted}");
    }

    #[test]
    fn three_classes_give_the_kappa_worked_out_by_hand() {
        // first:  a a a a b b b c c c      both: a 3, b 2, c 2 = 7 of 10
        // second: a a a b b b c c c a      uses: a 4x4, b 3x3, c 3x3 = 34 of 100
        let first = ["a", "a", "a", "a", "b", "b", "b", "c", "c", "c"];
        let second = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "a"];
        let kappa = cohens_kappa(&first.into_iter().zip(second).collect::<Vec<_>>());
        near(kappa.observed, 0.7);
        near(kappa.expected, 0.34);
        near(kappa.kappa, 0.36 / 0.66);
    }

    #[test]
    fn full_agreement_is_one_and_full_disagreement_on_two_even_classes_minus_one() {
        near(cohens_kappa(&[(1, 1), (2, 2), (1, 1)]).kappa, 1.0);
        near(cohens_kappa(&[(1, 2), (2, 1)]).kappa, -1.0);
    }

    #[test]
    fn one_class_alone_says_nothing() {
        assert_eq!(cohens_kappa(&[(1, 1), (1, 1)]).kappa, None);
        assert_eq!(cohens_kappa::<u8>(&[]).observed, None);
    }

    #[test]
    fn each_class_is_weighed_against_the_rest() {
        use Verdict::{Confirm, Reject, Unsure};
        let said = |first, second| pair(("ann", first, None), ("bob", second, None), 0.0);
        let report = agreement(&[
            said(Confirm, Confirm),
            said(Confirm, Reject),
            said(Reject, Reject),
            said(Reject, Unsure),
        ]);
        // confirm: first 2, second 1, both 1 of 4: observed 3/4, expected (2x1 + 2x3)/16 = 1/2
        let confirm = &report.verdicts.classes[0];
        assert_eq!(
            (confirm.class.as_str(), confirm.first, confirm.second, confirm.both),
            ("confirm", 2, 1, 1)
        );
        near(confirm.kappa, 0.5);
        // unsure: first 0, second 1: observed 3/4, expected (0x1 + 4x3)/16 = 3/4
        near(report.verdicts.classes[2].kappa, 0.0);
        assert_eq!(report.people.len(), 1);
        assert_eq!(report.people[0].people, ["ann", "bob"]);
    }

    #[test]
    fn who_came_first_does_not_matter_to_the_agreement_of_two_people() {
        use Verdict::{Confirm, Reject};
        let pairs = [
            pair(("ann", Confirm, None), ("bob", Confirm, None), 0.0),
            pair(("bob", Reject, None), ("ann", Confirm, None), 0.0),
        ];
        let report = agreement(&pairs);
        assert_eq!(report.people.len(), 1);
        assert_eq!(report.people[0].verdicts.candidates, 2);
        near(report.people[0].verdicts.observed, 0.5);
    }

    #[test]
    fn squares_that_share_half_have_an_iou_of_a_third() {
        assert!((iou(&square(0.0), &square(0.5)) - 1.0 / 3.0).abs() < 1e-4);
        assert!((iou(&square(0.0), &square(0.0)) - 1.0).abs() < 1e-9);
        assert_eq!(iou(&square(0.0), &square(2.0)), 0.0);
    }

    #[test]
    fn outlines_across_the_antimeridian_meet_those_beyond_it() {
        let reaching = |west: f64, east: f64| polygon![(x: west, y: -17.0), (x: east, y: -17.0), (x: east, y: -16.9), (x: west, y: -16.9), (x: west, y: -17.0)];
        assert!((iou(&reaching(179.9, 180.2), &reaching(-180.0, -179.8)) - 2.0 / 3.0).abs() < 1e-3);
        assert!((iou(&reaching(179.9, 180.2), &reaching(179.9, 180.2)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn outlines_and_types_count_where_both_confirmed() {
        use Verdict::{Confirm, Reject};
        let report = agreement(&[
            pair(("ann", Confirm, Some("housing")), ("bob", Confirm, Some("warehouse")), 0.5),
            pair(("ann", Confirm, Some("housing")), ("bob", Confirm, None), 0.0),
            pair(("ann", Confirm, Some("housing")), ("bob", Reject, None), 0.0),
        ]);
        assert_eq!(report.outlines.len(), 2);
        assert_eq!(report.outlines[0].structure_type, None, "they named two");
        assert!((report.iou_mean.unwrap() - 2.0 / 3.0).abs() < 1e-4);
        assert_eq!(report.structure_types.all.candidates, 1);
        near(report.structure_types.all.kappa, 0.0);
    }
}
