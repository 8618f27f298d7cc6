// What our value sets say of the codes they list, beyond system, code and display. Each extension stands on an include
// and holds for every concept of it.

RuleSet: OnInclude
* ^context.type = #element
* ^context.expression = "ValueSet.compose.include"
* value[x] 1..1

Extension: MemberGroup
Id: member-group
Title: "Group of the codes"
Description: "The family that rules and routing speak of: fusion, kidney, clinical stage. On an include that imports another value set: a group found there."
* insert OnInclude
* value[x] only string

Extension: MemberRegion
Id: member-region
Title: "Body region of the codes"
Description: "The region that imaging must have looked at, or that an imaging code shows; repeated where there are several, the main one first."
* insert OnInclude
* value[x] only code
* valueCode from BodyRegionCodes (required)

Extension: MemberModality
Id: member-modality
Title: "Modality of the imaging codes"
Description: "The DICOM modality code that the imaging codes stand for."
* insert OnInclude
* value[x] only code

Extension: MemberMatch
Id: member-match
Title: "How the codes match"
Description: "Without this extension a code matches exactly."
* insert OnInclude
* value[x] only code
* valueCode from MemberMatchCodes (required)

Extension: MemberNeedsCancer
Id: member-needs-cancer
Title: "Needs a cancer as well"
Description: "The operation or drug is often used for benign disease: the code alone is not enough."
* insert OnInclude
* value[x] only code
* valueCode from MemberNeedsCancerCodes (required)

Extension: MemberTrait
Id: member-trait
Title: "What else is said of the codes"
Description: "One word or phrase that this value set adds: the effect of an encounter class, a RADS category, the intended use of a code."
* insert OnInclude
* value[x] only string

CodeSystem: BodyRegionSystem
Id: body-region
Title: "Body regions"
Description: "The body regions by which orders, studies and readers are brought together. Our own grouping, not a standard."
* ^experimental = false
* ^caseSensitive = true
* #spine "Spine"
* #brain "Brain and skull"
* #neck "Head and neck"
* #chest "Chest"
* #heart "Heart"
* #abdomen "Abdomen"
* #pelvis "Pelvis"
* #breast "Breast"
* #msk "Bones, joints and soft tissue"
* #vascular "Vessels"
* #neurovascular "Vessels of the head and neck"
* #whole-body "Whole body"
* #other "Another region"

ValueSet: BodyRegionCodes
Id: body-region
Title: "Body regions"
Description: "All body regions."
* ^experimental = false
* include codes from system BodyRegionSystem

CodeSystem: MemberMatchSystem
Id: member-match
Title: "Ways to match a code"
Description: "How a code sent is compared with a code listed."
* ^experimental = false
* ^caseSensitive = true
* #exact "Exact" "The code itself."
* #prefix "Prefix" "Every code that starts with it: categories of ICD-10, ICD-10-PCS tables, ATC groups."
* #subsumes "Subsumes" "The concept and everything below it. Without a terminology server it is matched exactly."

ValueSet: MemberMatchCodes
Id: member-match
Title: "Ways to match a code"
Description: "All ways to match a code."
* ^experimental = false
* include codes from system MemberMatchSystem

CodeSystem: MemberNeedsCancerSystem
Id: member-needs-cancer
Title: "What a code needs beside it"
Description: "Why a code alone is not enough."
* ^experimental = false
* ^caseSensitive = true
* #cancer-condition "A cancer" "An active cancer on record or as the reason."
* #cancer-or-suspicious-lesion "A cancer or a suspicious lesion" "As above, or a lesion under question, coded or in the report."

ValueSet: MemberNeedsCancerCodes
Id: member-needs-cancer
Title: "What a code needs beside it"
Description: "All that a code may need beside it."
* ^experimental = false
* include codes from system MemberNeedsCancerSystem
