// How a rule is told as FHIR: a PlanDefinition of the kind event-condition-action, and an ActivityDefinition of the order
// that its card offers. Both are made from the rule files; nothing is decided from them. What holds for each condition
// stands in invariants: validators differ in how they count elements below an element that repeats.

Alias: $plan-type = http://terminology.hl7.org/CodeSystem/plan-definition-type
Alias: $action-type = http://terminology.hl7.org/CodeSystem/action-type
Alias: $SCT = http://snomed.info/sct

Profile: SecondReadRule
Parent: PlanDefinition
Id: second-read-rule
Title: "Second-read rule"
Description: "One rule of Second Read: on order-sign, where every criterion is met and no exclusion is, suggest a subspecialty second read. It describes a decision support intervention and is not meant to be executed by another program: the expressions are the rule file's own typed criteria, as YAML."
* obeys rule-source-attributes and rule-sign-off and rule-has-criterion and rule-not-approved-not-shown-as-approved
* extension contains SourceAttribute named sourceAttribute 0..* and SignOff named signOff 0..* and KnownFalsePositive named knownFalsePositive 0..*
* url 1..1
* version 1..1
* name 1..1
* title 1..1
* type 1..1
* type = $plan-type#eca-rule
* experimental 1..1
* date 1..1
* publisher 1..1
* description 1..1
* purpose 1..1
* copyright 0..1
* lastReviewDate 1..1
* lastReviewDate ^comment = "The day on which the rule was last reviewed. It says nothing of approval: see the extension sign-off."
* effectivePeriod 1..1
* effectivePeriod.end 1..1
* effectivePeriod.end ^comment = "After this day the rule goes silent unless it has been reviewed."
* relatedArtifact.extension contains EvidenceDetail named evidenceDetail 0..*
* action 1..1
* action obeys rule-conditions and rule-conditions-in-words
* action.extension contains IndicatorCondition named indicatorCondition 0..*
* action.title 1..1
* action.title ^comment = "The summary of the card; words in braces are filled in from the case."
* action.description 1..1
* action.priority 1..1
* action.trigger 1..1
* action.trigger.type = #named-event
* action.trigger.name 1..1
* action.trigger.name = "order-sign"
* action.condition 1..*
* action.condition.extension contains ConditionRole named role 0..* and IfUnknown named ifUnknown 0..*
* action.type = $action-type#create
* action.definition[x] 1..1
* action.definition[x] only canonical

Invariant: rule-source-attributes
Description: "All thirteen source attributes of an evidence-based decision support intervention are stated, each once."
Severity: #error
Expression: "extension.where(url = 'http://second-read.org/fhir/StructureDefinition/source-attribute').extension.where(url = 'name').value.distinct().count() = 13 and extension.where(url = 'http://second-read.org/fhir/StructureDefinition/source-attribute').count() = 13"

Invariant: rule-sign-off
Description: "It is said once who has approved the rule clinically, or that nobody has."
Severity: #error
Expression: "extension.where(url = 'http://second-read.org/fhir/StructureDefinition/sign-off').count() = 1"

Invariant: rule-has-criterion
Description: "At least one condition is a criterion: a rule of exclusions alone would speak on every order."
Severity: #error
Expression: "action.condition.where(extension.where(url = 'http://second-read.org/fhir/StructureDefinition/condition-role').value = 'criterion').exists()"

Invariant: rule-not-approved-not-shown-as-approved
Description: "A rule that nobody has signed has no approval date."
Severity: #error
Expression: "approvalDate.empty() or extension.where(url = 'http://second-read.org/fhir/StructureDefinition/sign-off').value != 'not clinically approved'"

Invariant: rule-conditions
Description: "Every condition says whether it is a criterion or an exclusion; every exclusion, and nothing else, says what an unknown answer means."
Severity: #error
Expression: "condition.all(extension.where(url = 'http://second-read.org/fhir/StructureDefinition/condition-role').count() = 1 and (extension.where(url = 'http://second-read.org/fhir/StructureDefinition/condition-role').value = 'exclusion') = extension.where(url = 'http://second-read.org/fhir/StructureDefinition/if-unknown').exists())"

Invariant: rule-conditions-in-words
Description: "Every condition decides on applicability, says in one sentence what is true when it is met, and holds the criterion itself."
Severity: #error
Expression: "condition.all(kind = 'applicability' and expression.description.exists() and expression.expression.exists())"

Profile: SecondReadActivity
Parent: ActivityDefinition
Id: second-read-activity
Title: "What a second-read card orders"
Description: "The definition of the draft order that a card offers for one subspecialty. What the order itself must look like says the profile second-read-service-request."
* url 1..1
* version 1..1
* name 1..1
* title 1..1
* description 1..1
* kind 1..1
* kind = #ServiceRequest
* profile 1..1
* profile = "http://second-read.org/fhir/StructureDefinition/second-read-service-request"
* intent 1..1
* intent = #proposal
* doNotPerform 0..0
* code 1..1
* code from SecondReadOrderCode (required)
* code.coding 1..*
* participant 1..*
* participant.role 1..1
* participant.role.text 1..1
* participant.role.text ^comment = "Who shall read, in words: neither code system has breast imaging."

RuleSet: OnPlan(where)
* ^context.type = #element
* ^context.expression = "{where}"

Extension: SourceAttribute
Id: source-attribute
Title: "Source attribute"
Description: "One of the thirteen source attributes of an evidence-based decision support intervention (45 CFR 170.315(b)(11)(iv)(A)), in words."
* insert OnPlan(PlanDefinition)
* extension contains name 1..1 and value 1..1
* extension[name].value[x] only code
* extension[name].value[x] 1..1
* extension[name].valueCode from SourceAttributeCodes (required)
* extension[value].value[x] only string
* extension[value].value[x] 1..1

Extension: SignOff
Id: sign-off
Title: "Clinical sign-off"
Description: "Who approved the rule clinically and when, or: not clinically approved."
* insert OnPlan(PlanDefinition)
* value[x] 1..1
* value[x] only string

Extension: KnownFalsePositive
Id: known-false-positive
Title: "Known false positive"
Description: "A situation in which the rule speaks and had better not."
* insert OnPlan(PlanDefinition)
* value[x] 1..1
* value[x] only string

Extension: EvidenceDetail
Id: evidence-detail
Title: "What a cited study found, and in whom"
Description: "The claim, its figure, the population and year it holds for, and what it does not show."
* insert OnPlan(RelatedArtifact)
* extension contains claim 1..1 and figure 1..1 and population 1..1 and year 1..1 and limits 0..1
* extension[claim].value[x] only string
* extension[figure].value[x] only string
* extension[population].value[x] only string
* extension[year].value[x] only string
* extension[limits].value[x] only string

Extension: ConditionRole
Id: condition-role
Title: "Criterion or exclusion"
Description: "All criteria must be met, and no exclusion. The expression of an exclusion is true where the rule is to stay quiet."
* insert OnPlan(PlanDefinition.action.condition)
* value[x] 1..1
* value[x] only code
* valueCode from ConditionRoleCodes (required)

Extension: IfUnknown
Id: if-unknown
Title: "If unknown"
Description: "What an exclusion does where the facts do not answer it."
* insert OnPlan(PlanDefinition.action.condition)
* value[x] 1..1
* value[x] only code
* valueCode from IfUnknownCodes (required)

Extension: IndicatorCondition
Id: indicator-condition
Title: "What decides the card's indicator"
Description: "A line that makes the card a warning, says that the report stands against the order, or explains the operation otherwise. It never decides whether there is a card."
* insert OnPlan(PlanDefinition.action)
* extension contains role 1..1 and expression 1..1
* extension[role].value[x] only code
* extension[role].valueCode from IndicatorRoleCodes (required)
* extension[expression].value[x] only Expression

CodeSystem: SourceAttributeSystem
Id: source-attribute
Title: "Source attributes"
Description: "The source attributes of an evidence-based decision support intervention that 45 CFR 170.315(b)(11)(iv)(A) lists."
* ^experimental = false
* ^caseSensitive = true
* #citation "Bibliographic citation of the intervention"
* #developer "Developer"
* #funding "Funding source of the technical implementation"
* #dates "Release and revision dates"
* #race "Use of race"
* #ethnicity "Use of ethnicity"
* #language "Use of language"
* #sexual-orientation "Use of sexual orientation"
* #gender-identity "Use of gender identity"
* #sex "Use of sex"
* #date-of-birth "Use of date of birth"
* #social-determinants "Use of social determinants of health data"
* #health-status "Use of health status assessment data"

ValueSet: SourceAttributeCodes
Id: source-attribute
Title: "Source attributes"
Description: "All source attributes."
* ^experimental = false
* include codes from system SourceAttributeSystem

CodeSystem: ConditionRoleSystem
Id: condition-role
Title: "Roles of a rule's conditions"
Description: "What a condition does in a rule."
* ^experimental = false
* ^caseSensitive = true
* #criterion "Criterion" "All are to be met."
* #exclusion "Exclusion" "One that is met keeps the rule quiet."

ValueSet: ConditionRoleCodes
Id: condition-role
Title: "Roles of a rule's conditions"
Description: "All roles."
* ^experimental = false
* include codes from system ConditionRoleSystem

CodeSystem: IfUnknownSystem
Id: if-unknown
Title: "What an unknown answer means"
Description: "What an exclusion does where it is not known whether it is met."
* ^experimental = false
* ^caseSensitive = true
* #proceed "Proceed" "The card is shown."
* #withhold "Withhold" "No card is shown, and the rule is undetermined."

ValueSet: IfUnknownCodes
Id: if-unknown
Title: "What an unknown answer means"
Description: "All that an unknown answer may mean."
* ^experimental = false
* include codes from system IfUnknownSystem

CodeSystem: IndicatorRoleSystem
Id: indicator-role
Title: "Roles of an indicator's conditions"
Description: "What a line does for the indicator of the card."
* ^experimental = false
* ^caseSensitive = true
* #warns-when "Warns when" "All are to be true for a warning; unknown is no."
* #disagrees-when "Disagrees when" "One that is true: the report stands against the order."
* #explained-by "Explained by" "One that is true: something else explains the operation, so the card informs."

ValueSet: IndicatorRoleCodes
Id: indicator-role
Title: "Roles of an indicator's conditions"
Description: "All roles."
* ^experimental = false
* include codes from system IndicatorRoleSystem
